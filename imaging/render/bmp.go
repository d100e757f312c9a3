package render

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// bmpFile is a BMP's header, as Pillow reads it.
type bmpFile struct {
	width, height int
	topDown       bool
	bits          int
	compression   uint32
	layout        bmpLayout // of 16 bits and more
	palette       palette   // of 8 bits and less
	data          []byte    // from the first row on
	at            int       // where that is in the file
}

// The compressions that Pillow knows.
const (
	bmpRaw       = 0
	bmpRLE8      = 1
	bmpRLE4      = 2
	bmpBitfields = 3
)

// bmpLayout says where the samples are in a pixel: how far up, and how many bits.
type bmpLayout struct{ red, green, blue bmpSample }

type bmpSample struct{ shift, bits uint }

func (s bmpSample) of(pixel uint32) byte {
	top := uint32(1)<<s.bits - 1
	return byte(pixel >> s.shift & top * 255 / top)
}

var errBMPHeader = errors.New("a BMP header that makes no sense")

func bmpHeader(original []byte) (h header, err error) {
	f, err := readBMP(original)
	return header{width: f.width, height: f.height}, err
}

// readBMP reads the header and the palette.
func readBMP(original []byte) (f bmpFile, err error) {
	if len(original) < 26 {
		return f, errCutOff
	}
	little := binary.LittleEndian
	size := int64(little.Uint32(original[14:]))
	if 14+size > int64(len(original)) {
		return f, errCutOff
	}
	head, rest, colours, colourSize := original[14:14+size], original[14+size:], 0, 4
	switch size {
	case 12: // OS/2
		f.width, f.height = int(little.Uint16(head[4:])), int(little.Uint16(head[6:]))
		f.bits, colourSize = int(little.Uint16(head[10:])), 3
	case 40, 64, 108, 124:
		f.width, f.height = int(int32(little.Uint32(head[4:]))), int(int32(little.Uint32(head[8:])))
		if f.height < 0 {
			f.height, f.topDown = -f.height, true
		}
		f.bits, f.compression = int(little.Uint16(head[14:])), little.Uint32(head[16:])
		colours = int(little.Uint32(head[32:]))
	default:
		return f, fmt.Errorf("%w: a BMP header of %d bytes", thumb.ErrOriginalForApp, size)
	}
	if rest, err = f.readLayout(head, rest); err != nil {
		return f, err
	}
	if colours == 0 {
		colours = 1 << min(f.bits, 16)
	}
	if colours > 1<<16 && f.bits <= 8 {
		return f, errBMPHeader
	}
	at := int64(little.Uint32(original[10:]))
	if at == 14+size && f.bits <= 8 {
		at += 4 * int64(colours) // an offset that forgets the palette
	}
	f.readPalette(rest, colours, colourSize)
	if at == 0 { // it follows
		at = int64(len(original) - len(rest))
		if f.bits <= 8 {
			at += int64(colours * colourSize)
		}
	}
	if at > int64(len(original)) {
		return f, errCutOff
	}
	f.data, f.at = original[at:], int(at)
	return f, nil
}

// readLayout finds out what the pixels are. Masks may follow a short header.
func (f *bmpFile) readLayout(head, rest []byte) ([]byte, error) {
	switch f.bits {
	case 1, 4, 8, 16, 24, 32:
	default:
		return nil, fmt.Errorf("%d bits a pixel are not supported", f.bits)
	}
	f.layout = bmpLayout{bmpSample{16, 8}, bmpSample{8, 8}, bmpSample{0, 8}}
	if f.bits == 16 {
		f.layout = bmpLayout{bmpSample{10, 5}, bmpSample{5, 5}, bmpSample{0, 5}}
	}
	switch {
	case f.compression == bmpRaw:
		return rest, nil
	case f.compression == bmpRLE8 && f.bits == 8, f.compression == bmpRLE4 && f.bits == 4:
		return rest, nil
	case f.compression != bmpBitfields:
		return nil, fmt.Errorf("compression %d with %d bits a pixel is not supported", f.compression, f.bits)
	}
	masks := head[40:]
	if len(head) < 56 {
		masks = rest
		rest = rest[min(12, len(rest)):]
	}
	if len(masks) < 12 {
		return nil, errCutOff
	}
	layouts := map[string]bmpLayout{
		"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00": {bmpSample{16, 8}, bmpSample{8, 8}, bmpSample{0, 8}},
		"\x00\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00": {bmpSample{24, 8}, bmpSample{16, 8}, bmpSample{8, 8}},
		"\xff\x00\x00\x00\x00\xff\x00\x00\x00\x00\xff\x00": {bmpSample{0, 8}, bmpSample{8, 8}, bmpSample{16, 8}},
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00": {bmpSample{16, 8}, bmpSample{8, 8}, bmpSample{0, 8}},
	}
	switch f.bits {
	case 24:
		layouts = map[string]bmpLayout{"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00": f.layout}
	case 16:
		layouts = map[string]bmpLayout{
			"\x00\xf8\x00\x00\xe0\x07\x00\x00\x1f\x00\x00\x00": {bmpSample{11, 5}, bmpSample{5, 6}, bmpSample{0, 5}},
			"\x00\x7c\x00\x00\xe0\x03\x00\x00\x1f\x00\x00\x00": f.layout,
		}
	}
	layout, ok := layouts[string(masks[:12])]
	if !ok || f.bits < 16 {
		return nil, fmt.Errorf("%w: BMP with masks %x", thumb.ErrOriginalForApp, masks[:12])
	}
	f.layout = layout
	return rest, nil
}

// readPalette reads blue, green, red, and maybe one more. Of what is not there Pillow
// makes levels of grey.
func (f *bmpFile) readPalette(data []byte, colours, size int) {
	f.palette = greys()
	if f.bits > 8 {
		return
	}
	for i := range min(colours, len(data)/size, 256) {
		f.palette[i] = [3]byte{data[i*size+2], data[i*size+1], data[i*size]}
	}
}

// decodeBMP decodes a BMP.
func decodeBMP(ctx context.Context, original []byte, h *header) (image.Image, error) {
	f, err := readBMP(original)
	if err != nil {
		return nil, err
	}
	bits := f.bits
	if f.compression == bmpRLE8 || f.compression == bmpRLE4 {
		f.data, err = f.unpack(ctx)
		bits = 8
		if err != nil {
			return nil, err
		}
	}
	stride := (h.width*bits + 31) / 32 * 4
	if f.compression == bmpRLE8 || f.compression == bmpRLE4 {
		stride = h.width
	}
	if need := int64(stride) * int64(h.height-1); need+int64((h.width*bits+7)/8) > int64(len(f.data)) {
		return nil, errCutOff
	}
	m := image.NewNRGBA(image.Rect(0, 0, h.width, h.height))
	for y := range h.height {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := y
		if !f.topDown {
			to = h.height - 1 - y
		}
		f.row(m.Pix[to*m.Stride:][:4*h.width], f.data[y*stride:], bits)
	}
	return m, nil
}

// row turns a row into pixels.
func (f *bmpFile) row(pix, data []byte, bits int) {
	for x := 0; x < len(pix)/4; x++ {
		to := pix[4*x:][:4]
		if bits <= 8 {
			at := x * bits
			index := data[at/8] >> (8 - bits - at%8) & (1<<bits - 1)
			copy(to, f.palette[index][:])
			continue
		}
		var pixel uint32
		for i := range bits / 8 {
			pixel |= uint32(data[x*bits/8+i]) << (8 * i)
		}
		to[0], to[1], to[2] = f.layout.red.of(pixel), f.layout.green.of(pixel), f.layout.blue.of(pixel)
	}
}
