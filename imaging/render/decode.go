package render

import (
	"bytes"
	"context"
	"io"
)

// decode decodes the original, at a fraction of its size where the engine can.
func (p *Plan) decode(ctx context.Context) (*picture, error) {
	if p.Format == "jpeg" {
		if p.eighths() == 1 {
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
		return fromImage(m, p.largest())
	}
	return nil, errNotAnImage
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
