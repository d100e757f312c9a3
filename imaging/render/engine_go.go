//go:build !turbojpeg

package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const engineName = "go"

// decodeJPEG decodes all of a JPEG: image/jpeg cannot scale meanwhile. It knows less
// than libjpeg, and takes for a fault what libjpeg only warns of. What it cannot decode
// is left to the app, unless the end is missing: then it is cut off.
func (p *Plan) decodeJPEG(ctx context.Context) (*picture, error) {
	m, err := jpeg.Decode(stoppable{ctx, p.header.jpeg.mended(p.original)})
	var unsupported jpeg.UnsupportedError
	switch {
	case err == nil:
		return p.drafted(m)
	case !p.header.jpeg.ended && !errors.As(err, &unsupported):
		return nil, fmt.Errorf("%w: %w", errCutOff, err)
	}
	return nil, fmt.Errorf("%w: %w", thumb.ErrOriginalForApp, err)
}

// drafted returns the planes of a decoded JPEG, averaged down to the scale at which
// Pillow would decode it where that shows.
func (p *Plan) drafted(m image.Image) (*picture, error) {
	pic, err := fromImage(m, p.largest())
	if err != nil || !p.largest().thin() || p.eighths == 8 || pic.w != float64(p.Width) {
		return pic, err
	}
	scale := 8 / p.eighths
	to := &picture{w: pic.w / float64(scale), h: pic.h / float64(scale), subX: 1, subY: 1, edgesWhole: true}
	for i := range pic.planes {
		subX, subY := pic.sub(i)
		fx, fy := max(1, scale/int(subX)), max(1, scale/int(subY))
		if fx*int(subX) != scale || fy*int(subY) != scale {
			return pic, nil
		}
		to.planes = append(to.planes, reduce(&pic.planes[i], fx, fy))
	}
	return to, nil
}

// adobeCMYK is an Adobe marker that says CMYK.
const adobeCMYK = "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"

// mended returns the original with what image/jpeg insists on and libjpeg does not:
// Huffman tables, which the frames of an MJPEG leave out, a word on what four
// components are, and an end.
func (h *jpegHeader) mended(original []byte) io.Reader {
	parts := []io.Reader{bytes.NewReader(original[:2])}
	if !h.progressive { // a JPEG's own tables take their place
		parts = append(parts, bytes.NewReader(standardTables()))
	}
	if len(h.components) == 4 && !h.adobe {
		parts = append(parts, bytes.NewReader([]byte(adobeCMYK)))
	}
	parts = append(parts, bytes.NewReader(original[2:]))
	if !h.ended {
		parts = append(parts, bytes.NewReader([]byte{0xff, markerEOI}))
	}
	return io.MultiReader(parts...)
}

// encodeJPEG writes a baseline JPEG; image/jpeg knows no other.
func encodeJPEG(p *picture, s size, quality int) ([]byte, error) {
	bounds := image.Rect(0, 0, s.w, s.h)
	var m image.Image = &image.Gray{Pix: p.planes[0].pix, Stride: p.planes[0].stride, Rect: bounds}
	if len(p.planes) == 3 {
		m = &image.YCbCr{
			Y: p.planes[0].pix, Cb: p.planes[1].pix, Cr: p.planes[2].pix,
			YStride: p.planes[0].stride, CStride: p.planes[1].stride,
			SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: bounds,
		}
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, m, &jpeg.Options{Quality: quality})
	return out.Bytes(), err
}

// encodePixels writes one of opaque pixels. As RGBA, which they are as well,
// image/jpeg is quicker with them.
func encodePixels(m *image.NRGBA, quality int) ([]byte, error) {
	var out bytes.Buffer
	err := jpeg.Encode(&out, &image.RGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}, &jpeg.Options{Quality: quality})
	return out.Bytes(), err
}

// jpegMemory prices decoding a JPEG: whole planes, all coefficients in 32 bits
// where it is progressive, and a second image, as it takes where the planes are
// not luma and chroma.
func (p *Plan) jpegMemory() int64 {
	h := &p.header.jpeg
	n := h.paddedBlocks() * 64
	if h.progressive {
		n *= 5
	}
	if len(h.components) > 1 {
		n += int64(p.Width) * int64(p.Height) * 7 / 2
	}
	return n
}
