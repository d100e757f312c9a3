package proxy

import (
	"bytes"
	"cmp"
	"strconv"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
	"github.com/valyala/fasthttp"
)

// minPacked is the size, in bytes, from which compressing pays.
const minPacked = 1 << 10

// encodings compress rewritten pages towards clients, where server.compress is on.
// The levels are the quickest ones: a page is made for one client, once.
type encodings struct{ gzip, br, zstd sync.Pool }

// encodingNames are in the order of preference.
var encodingNames = [...]string{"zstd", "br", "gzip"}

// compress packs j.out into j.packed and returns the coding's name; "" where the
// client takes none or where memory is short.
func (e *encodings) compress(j *job, accepted []byte) string {
	name := chooseEncoding(accepted)
	if name == "" || len(j.out) < minPacked || !j.grow(&j.packed, len(j.out)) {
		return ""
	}
	packed := appender{j.packed[:0]}
	var err error
	switch name {
	case "gzip":
		w, ok := e.gzip.Get().(*gzip.Writer)
		if !ok {
			w, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
		}
		w.Reset(&packed)
		_, err = w.Write(j.out)
		err = cmp.Or(err, w.Close())
		e.gzip.Put(w)
	case "br":
		w, ok := e.br.Get().(*brotli.Writer)
		if !ok {
			w = brotli.NewWriterLevel(nil, 2)
		}
		w.Reset(&packed)
		_, err = w.Write(j.out)
		err = cmp.Or(err, w.Close())
		e.br.Put(w)
	case "zstd":
		w, ok := e.zstd.Get().(*zstd.Encoder)
		if !ok {
			w, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		}
		if err == nil {
			packed.buf = w.EncodeAll(j.out, packed.buf)
			e.zstd.Put(w)
		}
	}
	j.packed = packed.buf
	if err != nil {
		return ""
	}
	return name
}

// appender is an io.Writer into a slice.
type appender struct{ buf []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.buf = append(a.buf, p...)
	return len(p), nil
}

// chooseEncoding returns the coding that an Accept-Encoding likes best, "" for
// none of ours.
func chooseEncoding(accepted []byte) string {
	best, quality := "", 0.0
	for _, name := range encodingNames {
		if q := encodingQuality(accepted, name); q > quality {
			best, quality = name, q
		}
	}
	return best
}

func encodingQuality(accepted []byte, name string) float64 {
	any := 0.0
	for token := range field.Tokens(accepted) {
		coding, params, _ := bytes.Cut(token, []byte(";"))
		coding = bytes.TrimRight(coding, " \t")
		q := 1.0
		if value, ok := bytes.CutPrefix(bytes.ToLower(bytes.TrimSpace(params)), []byte("q=")); ok {
			parsed, err := strconv.ParseFloat(string(value), 64)
			if err != nil || parsed < 0 || parsed > 1 {
				parsed = 0
			}
			q = parsed
		}
		switch {
		case field.Is(coding, name):
			return q
		case string(coding) == "*":
			any = q
		}
	}
	return any
}

// vary says that the answer depends on Accept-Encoding.
func vary(h *wire.Header) {
	for _, line := range h.PeekAll(fasthttp.HeaderVary) {
		for token := range field.Tokens(line) {
			if field.Is(token, "accept-encoding") || string(token) == "*" {
				return
			}
		}
	}
	h.Add(fasthttp.HeaderVary, "Accept-Encoding")
}
