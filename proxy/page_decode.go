package proxy

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// decoder reads one body that came encoded, and can be used again.
type decoder interface {
	io.Reader
	Reset(io.Reader) error
}

// decoding is one content coding that the app may have used all the same.
type decoding struct {
	name  string
	state int // bytes that a decoder may take, its window above all
	idle  sync.Pool
}

const maxWindow = 8 << 20 // bytes, as far as zstd may be asked for by HTTP (RFC 9659)

func newDecodings() []*decoding {
	decodings := []*decoding{
		{name: "gzip", state: 64 << 10},
		{name: "br", state: 16 << 20},
		{name: "zstd", state: maxWindow},
		{name: "deflate", state: 64 << 10},
	}
	for i, create := range []func() any{
		func() any { return new(gzip.Reader) },
		func() any { return brotli.NewReader(nil) },
		func() any {
			z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				panic(err) // the options are constants
			}
			return z
		},
		func() any { return new(deflate) },
	} {
		decodings[i].idle.New = create
	}
	return decodings
}

var errEncoding = errors.New("content coding is unknown or broken")

// decode makes j.text of j.body. What comes out is bounded by rewrite.max_body
// however little went in.
func (p *pages) decode(j *job, encoding []byte) error {
	for _, d := range p.decodings {
		if field.Is(encoding, d.name) {
			return p.decodeWith(j, d)
		}
	}
	return errEncoding
}

func (p *pages) decodeWith(j *job, d *decoding) error {
	if !j.charge(d.state) {
		return errMemory
	}
	defer j.uncharge(d.state)
	dec := d.idle.Get().(decoder)
	defer d.idle.Put(dec)
	if err := dec.Reset(bytes.NewReader(j.body)); err != nil {
		return errEncoding
	}
	err := j.fill(&j.text, dec, -1, p.maxBody)
	if err != nil && !errors.Is(err, errTooLarge) && !errors.Is(err, errMemory) {
		return errEncoding
	}
	return err
}

// deflate is the coding of that name: zlib's format as RFC 9110 has it, or, as
// some senders understood it, bare DEFLATE.
type deflate struct {
	wrapped, bare io.ReadCloser
	io.Reader
}

func (d *deflate) Reset(src io.Reader) error {
	r, ok := src.(*bytes.Reader)
	if !ok {
		return errEncoding
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
