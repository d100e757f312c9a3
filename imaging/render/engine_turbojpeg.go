//go:build turbojpeg

package render

/*
#cgo pkg-config: libturbojpeg
#cgo LDFLAGS: -pthread
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <turbojpeg.h>

enum { ERROR_SIZE = 256 };

// What the functions below are called with.
struct call {
	int (*run)(struct call *);
	int result;
	char *error; // of ERROR_SIZE; why result is not 0
	tjhandle h;
	unsigned char *planes[3];
	int strides[3], width, height, format, subsamp, quality;
	const unsigned char *original; // decoded from
	unsigned char **jpeg;          // encoded to
	unsigned long size, *jpeg_size;
};

static int to_planes(struct call *c) {
	return tjDecompressToYUVPlanes(c->h, c->original, c->size, c->planes, c->width, c->strides, c->height, TJFLAG_LIMITSCANS);
}

static int to_pixels(struct call *c) {
	return tjDecompress2(c->h, c->original, c->size, c->planes[0], c->width, 0, c->height, c->format, TJFLAG_LIMITSCANS);
}

static int from_planes(struct call *c) {
	return tjCompressFromYUVPlanes(c->h, (const unsigned char **)c->planes, c->width, c->strides, c->height, c->subsamp,
		c->jpeg, c->jpeg_size, c->quality, TJFLAG_PROGRESSIVE | TJFLAG_ACCURATEDCT);
}

// perform asks for the error, too: the text of a warning belongs to the thread.
static void perform(struct call *c) {
	c->result = c->run(c);
	if (c->result != 0)
		strncpy(c->error, tjGetErrorStr2(c->h), ERROR_SIZE - 1);
}

static void *aside(void *call) {
#ifdef __linux__ // elsewhere it is the whole process's
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 10);
#endif
	perform(call);
	return NULL;
}

// give_way makes a call on a thread of its own, which the kernel has give way to the
// threads that serve clients, and to the app's and the database's where they are in
// the same scheduling group. It is no thread of Go's: one that waits for its turn
// while it holds a lock of the runtime, or a processor, would keep those waiting, too.
static int give_way(struct call *c) {
	pthread_t thread;
	if (pthread_create(&thread, NULL, aside, c) == 0)
		pthread_join(thread, NULL);
	else
		perform(c);
	return c->result;
}

static int decode(tjhandle h, const unsigned char *original, unsigned long size, int width, int height,
		unsigned char *y, unsigned char *cb, unsigned char *cr, int ystride, int cstride, char *error) {
	struct call c = {.run = to_planes, .h = h, .original = original, .size = size, .width = width, .height = height,
		.planes = {y, cb, cr}, .strides = {ystride, cstride, cstride}, .error = error};
	return give_way(&c);
}

static int decode_pixels(tjhandle h, const unsigned char *original, unsigned long size, int width, int height,
		unsigned char *pixels, int format, char *error) {
	struct call c = {.run = to_pixels, .h = h, .original = original, .size = size, .width = width, .height = height,
		.planes = {pixels}, .format = format, .error = error};
	return give_way(&c);
}

static int encode(tjhandle h, unsigned char *y, unsigned char *cb, unsigned char *cr, int ystride, int cstride,
		int width, int height, int subsamp, int quality, unsigned char **jpeg, unsigned long *size, char *error) {
	struct call c = {.run = from_planes, .h = h, .width = width, .height = height, .subsamp = subsamp, .quality = quality,
		.planes = {y, cb, cr}, .strides = {ystride, cstride, cstride}, .jpeg = jpeg, .jpeg_size = size, .error = error};
	return give_way(&c);
}
*/
import "C"

import (
	"context"
	"errors"
	"image"
	"strings"
	"unsafe"
)

const engineName = "turbojpeg"

// handle is one decompressor or compressor of libjpeg-turbo.
type handle struct{ h C.tjhandle }

func (h handle) err() error {
	return errors.New(C.GoString(C.tjGetErrorStr2(h.h)))
}

// message is where a call writes why it failed.
type message [C.ERROR_SIZE]C.char

func (m *message) err() error { return errors.New(C.GoString(&m[0])) }

// complaint returns the error of a decompression that said it failed. A warning
// is one too: what libjpeg-turbo warns of leaves part of the picture grey or
// wrong. The exception are stray bytes before the end-of-image marker, which some
// cameras write, and which come after every sample is decoded.
func (h handle) complaint(why *message) error {
	err := why.err()
	if C.tjGetErrorCode(h.h) == C.TJERR_WARNING && strings.HasSuffix(err.Error(), "extraneous bytes before marker 0xd9") {
		return nil
	}
	return err
}

// decodeJPEG decodes at the smallest scale that will do: to planes, or where the
// planes are neither luma nor chroma, to pixels that are converted.
func (p *Plan) decodeJPEG(context.Context) (*picture, error) {
	d := handle{C.tjInitDecompress()}
	if d.h == nil {
		return nil, errors.New("libjpeg-turbo gives no decompressor")
	}
	defer C.tjDestroy(d.h)
	var width, height, subsamp, colours C.int
	data, length := p.data()
	if C.tjDecompressHeader3(d.h, data, length, &width, &height, &subsamp, &colours) != 0 {
		return nil, d.err()
	}
	switch colours {
	case C.TJCS_GRAY, C.TJCS_YCbCr:
		return p.decodePlanes(d, subsamp)
	case C.TJCS_RGB:
		m := image.NewNRGBA(p.scaledBounds())
		if err := p.decodePixels(d, m.Pix, C.TJPF_RGBX); err != nil {
			return nil, err
		}
		return fromImage(m, p.largest())
	}
	m := image.NewCMYK(p.scaledBounds())
	if err := p.decodePixels(d, m.Pix, C.TJPF_CMYK); err != nil {
		return nil, err
	}
	for i := range m.Pix {
		m.Pix[i] = 255 - m.Pix[i] // stored inverted, as Adobe does and Pillow assumes
	}
	return fromImage(m, p.largest())
}

// data is the original as C sees it.
func (p *Plan) data() (*C.uchar, C.ulong) {
	return (*C.uchar)(unsafe.SliceData(p.original)), C.ulong(len(p.original))
}

// scaledBounds is the size that the original decodes to.
func (p *Plan) scaledBounds() image.Rectangle {
	m := p.eighths()
	return image.Rect(0, 0, scaled(p.Width, m), scaled(p.Height, m))
}

// decodePlanes decodes to luma and chroma as they are coded.
func (p *Plan) decodePlanes(d handle, subsamp C.int) (*picture, error) {
	m, size := p.eighths(), p.scaledBounds().Max
	pic := &picture{w: float64(p.Width*m) / 8, h: float64(p.Height*m) / 8, scaledByDecoder: m <= 4}
	pic.subX, pic.subY = p.header.jpeg.subsampling()
	var at [3]*C.uchar
	for i := range p.header.jpeg.components {
		pl := newPlane(int(C.tjPlaneWidth(C.int(i), C.int(size.X), subsamp)), int(C.tjPlaneHeight(C.int(i), C.int(size.Y), subsamp)))
		subX, subY := pic.sub(i)
		pl.w, pl.h = samples(float64(size.X), subX), samples(float64(size.Y), subY)
		pic.planes = append(pic.planes, pl)
		at[i] = (*C.uchar)(unsafe.SliceData(pl.pix))
	}
	data, length := p.data()
	var why message
	if C.decode(d.h, data, length, C.int(size.X), C.int(size.Y), at[0], at[1], at[2],
		C.int(pic.planes[0].stride), C.int(pic.planes[len(pic.planes)-1].stride), &why[0]) != 0 {
		return pic, d.complaint(&why)
	}
	return pic, nil
}

// decodePixels decodes to four bytes a pixel.
func (p *Plan) decodePixels(d handle, pix []byte, format C.int) error {
	size := p.scaledBounds().Max
	data, length := p.data()
	var why message
	if C.decode_pixels(d.h, data, length, C.int(size.X), C.int(size.Y), (*C.uchar)(unsafe.SliceData(pix)), format, &why[0]) != 0 {
		return d.complaint(&why)
	}
	return nil
}

// encodeJPEG writes a progressive JPEG, whose Huffman tables are always its own.
func encodeJPEG(p *picture, s size, quality int) ([]byte, error) {
	c := handle{C.tjInitCompress()}
	if c.h == nil {
		return nil, errors.New("libjpeg-turbo gives no compressor")
	}
	defer C.tjDestroy(c.h)
	var at [3]*C.uchar
	for i := range p.planes {
		at[i] = (*C.uchar)(unsafe.SliceData(p.planes[i].pix))
	}
	subsamp := C.int(C.TJSAMP_420)
	if len(p.planes) == 1 {
		subsamp = C.TJSAMP_GRAY
	}
	var why message
	var out *C.uchar
	var length C.ulong
	defer func() { C.tjFree(out) }()
	if C.encode(c.h, at[0], at[1], at[2], C.int(p.planes[0].stride), C.int(p.planes[len(p.planes)-1].stride),
		C.int(s.w), C.int(s.h), subsamp, C.int(quality), &out, &length, &why[0]) != 0 {
		return nil, why.err()
	}
	return C.GoBytes(unsafe.Pointer(out), C.int(length)), nil
}

// jpegMemory prices decoding a JPEG: the planes at the scale that they are decoded
// to (pixels where they are not luma and chroma), a few rows at full width, and
// all coefficients in 16 bits where it is progressive or in several scans.
func (p *Plan) jpegMemory() int64 {
	m, h := p.eighths(), &p.header.jpeg
	n := int64(scaled(p.Width, m)+8)*int64(scaled(p.Height, m)+8)*7 + int64(p.Width)*256
	if h.progressive || !h.interleaved {
		n += h.paddedBlocks() * 128
	}
	return n
}
