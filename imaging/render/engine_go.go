//go:build !turbojpeg

package render

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
)

const engineName = "go"

// decodeJPEG decodes all of a JPEG: image/jpeg cannot scale meanwhile.
func (p *Plan) decodeJPEG(ctx context.Context) (*picture, error) {
	m, err := jpeg.Decode(stoppable{ctx, bytes.NewReader(p.original)})
	if err != nil {
		return nil, err
	}
	return fromImage(m, p.largest())
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
