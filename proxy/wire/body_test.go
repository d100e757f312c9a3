package wire

import (
	"bufio"
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/iotest"
)

func readChunked(r io.Reader) (data []byte, trailer string, err error) {
	var b body
	b.reset(bufio.NewReaderSize(r, clientBuffer), bodyChunked, 0)
	data, err = io.ReadAll(&b)
	return data, string(b.trailer), err
}

// However the bytes of a chunked body arrive, the same data comes out, and what
// follows the body stays where it is.
func TestChunkedBody(t *testing.T) {
	t.Parallel()
	raw := "5;a=b\r\nhello\r\n0006 ;x\r\n world\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n"
	for name, r := range map[string]io.Reader{
		"at once":             strings.NewReader(raw),
		"a byte at a time":    iotest.OneByteReader(strings.NewReader(raw)),
		"with something more": strings.NewReader(raw + "GET / HTTP/1.1\r\n"),
	} {
		data, trailer, err := readChunked(r)
		if err != nil || string(data) != "hello world" || trailer != "X-Sum: 1\r\n" {
			t.Errorf("%s: %q, trailer %q, %v", name, data, trailer, err)
		}
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	for _, kind := range []bodyKind{bodySized, bodyChunked} {
		var b body
		b.reset(bufio.NewReader(strings.NewReader("5\r\nhel")), kind, 100)
		if data, err := io.ReadAll(&b); err != io.ErrUnexpectedEOF {
			t.Errorf("kind %d: %q, %v", kind, data, err)
		}
	}
	var b body
	b.reset(bufio.NewReader(strings.NewReader("all of it")), bodyUntilClose, 0)
	if data, err := io.ReadAll(&b); err != nil || string(data) != "all of it" {
		t.Errorf("until close: %q, %v", data, err)
	}
}

// Whatever is taken for a chunked body, the standard library takes for the same
// one; ours may be the stricter.
func FuzzChunkedBody(f *testing.F) {
	for _, seed := range []string{"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "3;x=\"y\"\r\nabc\r\n0\r\nA: b\r\n\r\n", "-1\r\n", "3\nabc\n0\n\n", "00000000000000003\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		data, _, err := readChunked(bytes.NewReader(raw))
		if err != nil {
			return
		}
		// The standard library stops before the trailer section.
		want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(raw)))
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("%q: %q, but %q, %v", raw, data, want, err)
		}
	})
}

// Whatever head is accepted has one Host at most, one framing, and comes out of
// fasthttp with the same length.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
		"POST http://a/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		end := bytes.Index(raw, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		raw = raw[:end+4]
		h, err := checkHead(raw)
		if err != nil {
			return
		}
		if h.chunked && h.length >= 0 || h.hosts > 1 || bytes.ContainsAny(h.target, " \r\n") {
			t.Errorf("%q was accepted as %+v", raw, h)
		}
		var c client
		if c.header.Read(bufio.NewReader(bytes.NewReader(raw))) != nil {
			return
		}
		length := int64(c.header.ContentLength())
		if want := h.length; h.chunked && length != -1 || !h.chunked && want >= 0 && length != want {
			t.Errorf("%q: fasthttp has length %d, the check %+v", raw, length, h)
		}
	})
}
