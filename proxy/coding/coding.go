// Package coding decodes and encodes bodies in the content codings that an app uses for
// its pages (RFC 9110 section 8.4), and reads which of them a client accepts. Decoders and
// encoders are kept for the next body; the levels are quick ones, as a page is made for
// one client, once.
package coding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Coding is one content coding. Its methods may be called from many goroutines.
type Coding struct {
	Name string
	// Memory is what a decoder may take, in bytes: its window above all.
	Memory   int
	decoders sync.Pool
	encoders sync.Pool
}

// Set are the codings that pages may have, in the order in which clients are offered
// them.
type Set []*Coding

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

// All returns every coding that is known here.
func All() Set {
	return Set{
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

func newCoding(name string, memory int, newDecoder func() decoder, newEncoder func() encoder) *Coding {
	return &Coding{
		Name: name, Memory: memory,
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

// ErrBroken is of a body that is not what its coding says.
var ErrBroken = errors.New("content coding is broken")

// Of returns the coding of a name, in any case; nil where it is none of the set.
func (s Set) Of(name []byte) *Coding {
	for _, c := range s {
		if field.Is(name, c.Name) {
			return c
		}
	}
	return nil
}

// Decode lets read read what body says, until it returns. The error is read's own, or
// wraps ErrBroken where the reader failed.
func (c *Coding) Decode(body []byte, read func(io.Reader) error) error {
	dec := c.decoders.Get().(decoder)
	defer c.decoders.Put(dec)
	if err := dec.Reset(bytes.NewReader(body)); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return read(marked{dec})
}

// marked marks a decoder's errors.
type marked struct{ decoder }

func (m marked) Read(p []byte) (int, error) {
	n, err := m.decoder.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return n, err
}

// piece is how many bytes are encoded at a time: more than most pages have.
const piece = 128 << 10

// Append appends what text is in this coding to dst.
func (c *Coding) Append(dst, text []byte, did func(n int)) ([]byte, error) {
	packed := appender{dst}
	w := c.encoders.Get().(encoder)
	defer c.encoders.Put(w)
	w.Reset(&packed)
	var err error
	for len(text) > 0 && err == nil {
		var n int
		n, err = w.Write(text[:min(len(text), piece)])
		text = text[n:]
		did(n)
	}
	err = errors.Join(err, w.Close())
	return packed.buf, err
}

// appender is an io.Writer into a slice.
type appender struct{ buf []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.buf = append(a.buf, p...)
	return len(p), nil
}
