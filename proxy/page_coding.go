package proxy

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// coding is one content coding that the app may use for pages. A page is decoded to be
// looked at, and encoded again where something in it was rewritten. The levels are
// quick ones: a page is made for one client, once.
type coding struct {
	name     string
	state    int // bytes that a decoder may take, its window above all
	decoders sync.Pool
	encoders sync.Pool
}

// decoder reads one body that came encoded, and can be used again.
type decoder interface {
	io.Reader
	Reset(io.Reader) error
}

// encoder writes one body, and can be used again.
type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

const maxWindow = 8 << 20 // bytes, as far as zstd may be asked for by HTTP (RFC 9659)

// newCodings returns the codings in the order in which clients are offered them.
func newCodings() []*coding {
	return []*coding{
		newCoding("zstd", maxWindow, func() decoder { return newZstdReader() }, func() encoder { return newZstdWriter() }),
		newCoding("br", 16<<20, func() decoder { return brotli.NewReader(nil) }, func() encoder { return brotli.NewWriterLevel(nil, 4) }),
		newCoding("gzip", 64<<10, func() decoder { return new(gzip.Reader) }, func() encoder {
			w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
			return constant(w, err)
		}),
		newCoding("deflate", 64<<10, func() decoder { return new(deflate) }, func() encoder {
			w, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
			return constant(w, err)
		}),
	}
}

func newCoding(name string, state int, newDecoder func() decoder, newEncoder func() encoder) *coding {
	return &coding{
		name: name, state: state,
		decoders: sync.Pool{New: func() any { return newDecoder() }},
		encoders: sync.Pool{New: func() any { return newEncoder() }},
	}
}

func newZstdReader() *zstd.Decoder {
	return constant(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow)))
}

func newZstdWriter() *zstd.Encoder {
	return constant(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true)))
}

// constant is for what fails only where its options, which are constants, are wrong.
func constant[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

var errEncoding = errors.New("content coding is unknown or broken")

// codingOf returns the coding of a name; nil where it is none of these.
func (p *pages) codingOf(name []byte) *coding {
	for _, c := range p.codings {
		if field.Is(name, c.name) {
			return c
		}
	}
	return nil
}

// decode makes j.text of j.body. What comes out is bounded by rewrite.max_body
// however little went in.
func (p *pages) decode(j *job, c *coding) error {
	if !j.charge(c.state) {
		return errMemory
	}
	defer j.uncharge(c.state)
	dec := c.decoders.Get().(decoder)
	defer c.decoders.Put(dec)
	if err := dec.Reset(bytes.NewReader(j.body)); err != nil {
		return errEncoding
	}
	err := j.fill(&j.text, dec, -1, p.maxBody)
	if err != nil && !errors.Is(err, errTooLarge) && !errors.Is(err, errMemory) {
		return errEncoding
	}
	return err
}

// encode makes j.packed of j.out. It says whether there was memory for that.
func (c *coding) encode(j *job) bool {
	if !j.grow(&j.packed, len(j.out)) {
		return false
	}
	packed := appender{j.packed[:0]}
	w := c.encoders.Get().(encoder)
	defer c.encoders.Put(w)
	w.Reset(&packed)
	_, err := w.Write(j.out)
	err = errors.Join(err, w.Close())
	j.packed = packed.buf
	return err == nil
}

// appender is an io.Writer into a slice.
type appender struct{ buf []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.buf = append(a.buf, p...)
	return len(p), nil
}
