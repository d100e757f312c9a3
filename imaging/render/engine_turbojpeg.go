//go:build turbojpeg

package render

/*
#cgo pkg-config: libturbojpeg
#include <stdlib.h>
#include <turbojpeg.h>

static int to_planes(tjhandle h, const unsigned char *jpeg, unsigned long size, int width, int height,
		unsigned char *y, unsigned char *cb, unsigned char *cr, int ystride, int cstride) {
	unsigned char *planes[3] = {y, cb, cr};
	int strides[3] = {ystride, cstride, cstride};
	return tjDecompressToYUVPlanes(h, jpeg, size, planes, width, strides, height, TJFLAG_LIMITSCANS);
}

static int from_planes(tjhandle h, const unsigned char *y, const unsigned char *cb, const unsigned char *cr,
		int ystride, int cstride, int width, int height, int subsamp, int quality, unsigned char **jpeg, unsigned long *size) {
	const unsigned char *planes[3] = {y, cb, cr};
	int strides[3] = {ystride, cstride, cstride};
	return tjCompressFromYUVPlanes(h, planes, width, strides, height, subsamp, jpeg, size, quality,
		TJFLAG_PROGRESSIVE | TJFLAG_ACCURATEDCT);
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

// complaint returns the error of a decompression that said it failed. A warning
// is one too: what libjpeg-turbo warns of leaves part of the picture grey or
// wrong. The exception are stray bytes before the end-of-image marker, which some
// cameras write, and which come after every sample is decoded.
func (h handle) complaint() error {
	err := h.err()
	if C.tjGetErrorCode(h.h) == C.TJERR_WARNING && strings.HasSuffix(err.Error(), "extraneous bytes before marker 0xd9") {
		return nil
	}
	return err
}

// eighths returns the smallest scale, in eighths, at which a JPEG decodes to no
// less than the largest picture.
func (p *Plan) eighths() int {
	want := p.largest()
	for m := 1; m < 8; m++ {
		if scaled(p.Width, m) >= want.w && scaled(p.Height, m) >= want.h {
			return m
		}
	}
	return 8
}

func scaled(n, eighths int) int { return (n*eighths + 7) / 8 }

func (p *Plan) decodeJPEG(context.Context) (*picture, error) {
	d := handle{C.tjInitDecompress()}
	if d.h == nil {
		return nil, d.err()
	}
	defer C.tjDestroy(d.h)
	var width, height, subsamp, colours C.int
	data, length := (*C.uchar)(unsafe.Pointer(unsafe.SliceData(p.original))), C.ulong(len(p.original))
	if C.tjDecompressHeader3(d.h, data, length, &width, &height, &subsamp, &colours) != 0 {
		return nil, d.err()
	}
	m := p.eighths()
	w, h := scaled(p.Width, m), scaled(p.Height, m)
	extentW, extentH := float64(p.Width*m)/8, float64(p.Height*m)/8
	switch colours {
	case C.TJCS_GRAY, C.TJCS_YCbCr:
		subX, subY := p.header.jpeg.subsampling()
		pic := &picture{w: extentW, h: extentH, subX: subX, subY: subY, scaledByDecoder: m <= 4}
		components := 3
		if colours == C.TJCS_GRAY {
			components = 1
		}
		var at [3]*C.uchar
		for i := range components {
			pl := newPlane(int(C.tjPlaneWidth(C.int(i), C.int(w), subsamp)), int(C.tjPlaneHeight(C.int(i), C.int(h), subsamp)))
			subX, subY := pic.sub(i)
			pl.w, pl.h = samples(float64(w), subX), samples(float64(h), subY)
			pic.planes = append(pic.planes, pl)
			at[i] = (*C.uchar)(unsafe.SliceData(pl.pix))
		}
		if C.to_planes(d.h, data, length, C.int(w), C.int(h), at[0], at[1], at[2],
			C.int(pic.planes[0].stride), C.int(pic.planes[components-1].stride)) != 0 {
			if err := d.complaint(); err != nil {
				return nil, err
			}
		}
		return pic, nil
	}
	cmyk := image.NewCMYK(image.Rect(0, 0, w, h))
	format := C.int(C.TJPF_CMYK)
	if colours == C.TJCS_RGB {
		format = C.TJPF_RGBX
	}
	if C.tjDecompress2(d.h, data, length, (*C.uchar)(unsafe.SliceData(cmyk.Pix)), C.int(w), C.int(cmyk.Stride), C.int(h),
		format, C.TJFLAG_LIMITSCANS) != 0 {
		if err := d.complaint(); err != nil {
			return nil, err
		}
	}
	var img image.Image = cmyk
	if colours == C.TJCS_RGB {
		img = &image.NRGBA{Pix: cmyk.Pix, Stride: cmyk.Stride, Rect: cmyk.Rect}
	} else {
		for i := range cmyk.Pix {
			cmyk.Pix[i] = 255 - cmyk.Pix[i]
		}
	}
	return fromImage(img, p.largest())
}

func encodeJPEG(p *picture, s size, quality int) ([]byte, error) {
	c := handle{C.tjInitCompress()}
	if c.h == nil {
		return nil, c.err()
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
	var out *C.uchar
	var length C.ulong
	defer func() { C.tjFree(out) }()
	if C.from_planes(c.h, at[0], at[1], at[2], C.int(p.planes[0].stride), C.int(p.planes[len(p.planes)-1].stride),
		C.int(s.w), C.int(s.h), subsamp, C.int(quality), &out, &length) != 0 {
		return nil, c.err()
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
