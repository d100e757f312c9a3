package coding

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
)

// deflate is the coding of that name: zlib's format as RFC 9110 has it, or, as
// some senders understood it, bare DEFLATE.
type deflate struct {
	wrapped, bare io.ReadCloser
	io.Reader
}

func (d *deflate) Reset(src io.Reader) error {
	r, ok := src.(*bytes.Reader)
	if !ok {
		return ErrBroken
	}
	var head [2]byte
	_, _ = r.ReadAt(head[:], 0)
	if head[0]&15 != 8 || (int(head[0])<<8|int(head[1]))%31 != 0 {
		if d.bare == nil {
			d.bare = flate.NewReader(r)
		}
		d.Reader = d.bare
		return d.bare.(flate.Resetter).Reset(r, nil)
	}
	if d.wrapped == nil {
		var err error
		d.wrapped, err = zlib.NewReader(r)
		d.Reader = d.wrapped
		return err
	}
	d.Reader = d.wrapped
	return d.wrapped.(zlib.Resetter).Reset(r, nil)
}
