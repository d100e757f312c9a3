package source

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func coded(t *testing.T, open func(io.Writer) io.WriteCloser, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Originals as servers give them, and what the app's HTTP client makes of each: codings
// that nobody asked for are undone where it knows them and ignored where not, any 2xx
// counts, and so does a 206 of all there is.
func TestOriginalsAsServersGiveThem(t *testing.T) {
	t.Parallel()
	photo := bytes.Repeat([]byte("a photo of a moth, "), 400)
	gz := coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, photo)
	half := coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, photo[:len(photo)/2])
	rest := coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, photo[len(photo)/2:])
	zl := coded(t, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, photo)
	raw := coded(t, func(w io.Writer) io.WriteCloser { fl, _ := flate.NewWriter(w, 6); return fl }, photo)
	bomb := coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, make([]byte, 10_001))
	nothing := coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, nil)
	for name, c := range map[string]struct {
		status         int
		coding, ranges string
		body, want     []byte
		err            error
	}{
		"aws-chunked":         {200, "aws-chunked", "", photo, photo, nil},
		"unknown":             {200, "utf-8, x-camera", "", photo, photo, nil},
		"br":                  {200, "br", "", photo, photo, nil},
		"empty name":          {200, " , ", "", photo, photo, nil},
		"identity":            {200, "Identity", "", photo, photo, nil},
		"gzip":                {200, "gzip", "", gz, photo, nil},
		"GZip":                {200, "GZip", "", gz, photo, nil},
		"x-gzip":              {200, "x-gzip", "", gz, photo, nil},
		"aws-chunked, gzip":   {200, "aws-chunked, gzip", "", gz, photo, nil},
		"two members":         {200, "gzip", "", append(half, rest...), photo, nil},
		"a trailer":           {200, "gzip", "", append(bytes.Clone(gz), "\x00\x00padding"...), photo, nil},
		"cut off":             {200, "gzip", "", gz[:len(gz)-8], photo, nil},
		"deflate":             {200, "deflate", "", zl, photo, nil},
		"DEFLATE, bare":       {200, "DEFLATE", "", raw, photo, nil},
		"twice":               {200, "deflate, gzip", "", coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, zl), photo, nil},
		"not gzip":            {200, "gzip", "", photo, nil, thumb.ErrOriginalUnusable},
		"not deflate":         {200, "deflate", "", []byte("\xff\xff\xff\xff"), nil, thumb.ErrOriginalUnusable},
		"wrong checksum":      {200, "gzip", "", append(bytes.Clone(gz[:len(gz)-8]), "12345678"...), nil, thumb.ErrOriginalUnusable},
		"a bomb":              {200, "gzip", "", bomb, nil, thumb.ErrOriginalUnusable},
		"members without end": {200, "gzip", "", bytes.Repeat(nothing, 500), nil, thumb.ErrOriginalUnusable},
		"201":                 {201, "", "", photo, photo, nil},
		"203":                 {203, "", "", photo, photo, nil},
		"299":                 {299, "", "", photo, photo, nil},
		"all of it":           {206, "", "bytes 0-7599/7600", photo, photo, nil},
		"all, as it seems":    {206, "", "bytes 0-7599/*", photo, photo, nil},
		"no range named":      {206, "", "", photo, photo, nil},
		"the first half":      {206, "", "bytes 0-3799/7600", photo[:3800], nil, thumb.ErrOriginalUnavailable},
		"the second half":     {206, "", "bytes 3800-7599/7600", photo[3800:], nil, thumb.ErrOriginalUnavailable},
		"nonsense":            {206, "", "bytes */7600", photo, nil, thumb.ErrOriginalUnavailable},
		"300":                 {300, "", "", photo, nil, thumb.ErrOriginalUnavailable},
		"304":                 {304, "", "", nil, nil, thumb.ErrOriginalUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, declared := range []bool{true, false} {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					for coding := range strings.SplitSeq(c.coding, ";") {
						w.Header().Add("content-encoding", coding)
					}
					if c.ranges != "" {
						w.Header().Set("Content-Range", c.ranges)
					}
					w.WriteHeader(c.status)
					if !declared {
						w.(http.Flusher).Flush()
					}
					_, _ = w.Write(c.body)
				}))
				f := newTestFetcher(t, onLoopback(func(cfg *Config) { cfg.MaxBytes = 10_000 }))
				got, err := f.get200(t, server.URL)
				server.Close()
				if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || !bytes.Equal(got, c.want) {
					t.Errorf("%d bytes, %v; want %d, %v", len(got), err, len(c.want), c.err)
				}
			}
		})
	}
}

// Room is asked for what a coded body may come to, not for what it declares; and one
// that breaks off is the network's fault, not the original's.
func TestCodedOriginals(t *testing.T) {
	t.Parallel()
	gz := coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, bytes.Repeat([]byte("photo"), 1000))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		if r.URL.Path == "/broken" {
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write(gz[:len(gz)/2])
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(gz)
	}))
	defer server.Close()
	f := newTestFetcher(t, onLoopback())
	u, _ := url.Parse(server.URL + "/whole")
	var asked int64
	if _, err := f.Fetch(t.Context(), Location{url: u}, func(_ context.Context, n int64) error { asked = n; return nil }); err != nil || asked != 64<<20 {
		t.Errorf("room for %d bytes was asked, %v", asked, err)
	}
	if _, err := f.get200(t, server.URL+"/broken"); !errors.Is(err, thumb.ErrOriginalUnavailable) {
		t.Errorf("one that breaks off: %v", err)
	}
}
