package render

import (
	"context"
	"io"
)

// decodeJPEGPlanes decodes a JPEG, at a fraction of its size where that can be done.
func (p *Plan) decodeJPEGPlanes(ctx context.Context) (*picture, error) {
	if p.eighths == 1 && !p.largest().thin() {
		if decoded, err := p.decodeEighth(); err == nil {
			return decoded, nil
		}
	}
	return p.decodeJPEG(ctx)
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
