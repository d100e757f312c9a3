package render

import (
	"bytes"
	"context"
	"image"
	"io"
)

// decode decodes the original, at a fraction of its size where the engine can.
func (p *Plan) decode(ctx context.Context) (*picture, error) {
	if p.Format == "jpeg" {
		if p.eighths == 1 && !p.largest().thin() {
			if decoded, err := p.decodeEighth(); err == nil {
				return decoded, nil
			}
		}
		return p.decodeJPEG(ctx)
	}
	for _, c := range codecs() {
		if c.format != p.Format {
			continue
		}
		m, err := c.decode(stoppable{ctx, bytes.NewReader(p.original)})
		if err != nil {
			return nil, err
		}
		return fromImage(onCanvas(m, p.Width, p.Height), p.largest())
	}
	return nil, errNotAnImage
}

// onCanvas puts a GIF's first frame, which may be smaller than the GIF, where it
// belongs. The rest is of the transparent colour, or of the first, as with Pillow.
func onCanvas(m image.Image, width, height int) image.Image {
	frame, paletted := m.(*image.Paletted)
	canvas := image.Rect(0, 0, width, height)
	if !paletted || frame.Rect == canvas {
		return m
	}
	whole := image.NewPaletted(canvas, frame.Palette)
	for index, c := range frame.Palette {
		if _, _, _, alpha := c.RGBA(); alpha == 0 && index > 0 {
			for i := range whole.Pix {
				whole.Pix[i] = uint8(index)
			}
			break
		}
	}
	for y := frame.Rect.Min.Y; y < frame.Rect.Max.Y; y++ {
		copy(whole.Pix[whole.PixOffset(frame.Rect.Min.X, y):], frame.Pix[frame.PixOffset(frame.Rect.Min.X, y):][:frame.Rect.Dx()])
	}
	return whole
}

// largest is the size of the largest picture to make.
func (p *Plan) largest() size { return p.sizes[largestFirst(p.sizes)[0]] }

// stoppable is a reader that ends when its context does, so that a decoder in
// the middle of a large original can be stopped.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
