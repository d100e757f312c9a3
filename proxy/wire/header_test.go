package wire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// The client gets the lines of a head as the app wrote them: names in their case,
// every duplicate, in that order; only what holds for the app's connection is left
// out.
func TestHeaderLinesReachClientAsSent(t *testing.T) {
	t.Parallel()
	for name, hop := range map[string]string{
		"nothing to leave out": "",
		"hop-by-hop headers": "connection: Keep-Alive\r\nKEEP-ALIVE: timeout=5\r\nProxy-Connection: x\r\nproxy-authenticate: Basic\r\n" +
			"upgrade: h2c\r\nTE: gzip\r\nTrailer: X-Sum\r\n",
		"headers that Connection names, on two lines": "Connection: x-one, keep-alive\r\nX-One: 1\r\nConnection: X-TWO\r\nx-one: 2\r\nX-Two: 3\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 200 All Right\r\n"+hop+wiretest.ManyLines+"\r\nok"))
			p := startServer(t, a.Addr, nil)
			w := p.Dial()
			for range 2 {
				w.Send(wiretest.Get("/x"))
				raw, err := wiretest.ReadHead(w.Br)
				if diff := cmp.Diff("HTTP/1.1 200 All Right\r\n"+wiretest.ManyLines+"\r\n", raw); diff != "" || err != nil {
					t.Fatalf("%v, (-want +got):\n%s", err, diff)
				}
				if _, err := io.CopyN(io.Discard, w.Br, 2); err != nil {
					t.Fatal(err)
				}
			}
			if n := a.Accepted(); n != 1 {
				t.Errorf("%d connections to the app", n)
			}
		})
	}
}

// Oddly written heads mean the same to the client as to the proxy: a folded line is
// one line, and no space stands before a colon.
func TestOddHeaderLines(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"X-A: one \r\n\ttwo \r\n   three\r\n": "X-A: one two three\r\n",
		"X-A : 1\r\n":                         "X-A: 1\r\n",
		"Connection:\r\n keep-alive\r\n":      "",
		"Content-Length : 2\r\n":              "Content-Length: 2\r\n",
		"X A: 1\r\n":                          "",
	} {
		if !strings.Contains(sent, "Content-Length") {
			sent, want = sent+"Content-Length: 2\r\n", want+"Content-Length: 2\r\n"
		}
		a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 200 OK\r\n"+sent+"\r\nok"))
		p := startServer(t, a.Addr, nil)
		if raw := p.Exchange(wiretest.Get("/x")); raw != "HTTP/1.1 200 OK\r\n"+want+"\r\nok" {
			t.Errorf("%q became %q", sent, raw)
		}
	}
}

// What an app says of a body's end in two ways is said to the client in one.
func TestAnswerWithLengthAndEncoding(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	for range 2 {
		if raw := w.Send(wiretest.Get("/x")).Answer(); raw != "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" {
			t.Errorf("answer %q", raw)
		}
	}
}

// An app's head may be a good deal larger than a client's.
func TestLargeAnswerHead(t *testing.T) {
	t.Parallel()
	answer := "HTTP/1.1 200 OK\r\nX-Large: " + strings.Repeat("a", appBuffer*3/4) + "\r\nContent-Length: 2\r\n\r\nok"
	p := startServer(t, wiretest.StartApp(t, wiretest.Answering(answer)).Addr, nil)
	w := p.Dial()
	for range 2 {
		if raw := w.Send(wiretest.Get("/x")).Answer(); raw != answer {
			t.Errorf("%d bytes", len(raw))
		}
	}
}

// A head may come in any number of pieces.
func TestHeadInPieces(t *testing.T) {
	t.Parallel()
	next := make(chan byte)
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.Read(br); err != nil {
			return
		}
		for b := range next {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	p := startServer(t, a.Addr, nil)
	w := p.Dial().Send(wiretest.Get("/x"))
	for _, b := range []byte("\r\n" + wiretest.OK) {
		next <- b
	}
	close(next)
	if raw := w.Answer(); raw != wiretest.OK {
		t.Errorf("answer %q", raw)
	}
}

func TestEditingHeaderLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*Header)
		want string
	}{
		{"removing all of a name", func(h *Header) { h.Del("Vary") }, "a: 1\r\nETag:2\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\n"},
		{"removing a long name", func(h *Header) { h.Del("Long-" + strings.Repeat("X", 70)) }, "a: 1\r\nvary: x\r\nETag:2\r\nVARY: y\r\n"},
		{"removing what is not there", func(h *Header) { h.Del("Nope"); h.Del("b") }, ""},
		{"setting in place", func(h *Header) { h.Set("Vary", "longer than before") },
			"a: 1\r\nvary: longer than before\r\nETag:2\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\n"},
		{"setting to less", func(h *Header) { h.Set("Etag", "") }, "a: 1\r\nvary: x\r\nETag:\r\nVARY: y\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\n"},
		{"setting a new one", func(h *Header) { h.Set("New", "n") },
			"a: 1\r\nvary: x\r\nETag:2\r\nVARY: y\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\nNew: n\r\n"},
		{"adding", func(h *Header) { h.Add("Vary", "z"); h.Del("A") },
			"vary: x\r\nETag:2\r\nVARY: y\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\nVary: z\r\n"},
	} {
		var h Header
		head := "a: 1\r\nvary: x\r\nETag:2\r\nVARY: y\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\n"
		if err := h.readFrom(bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\n" + head + "\r\n"))); err != nil {
			t.Fatal(err)
		}
		c.edit(&h)
		if c.want == "" {
			c.want = head
		}
		if diff := cmp.Diff(c.want, string(h.lines)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		for line := range bytes.Lines(h.lines) {
			name, value, _ := field.Cut(bytes.TrimSuffix(line, crlf))
			if asked := h.PeekAll(string(name)); !containsValue(asked, value, false) {
				t.Errorf("%s: %s is %q to those who ask", c.name, name, asked)
			}
		}
	}
}

// containsValue says whether a value is among others; where a line was folded, however many
// spaces stand for that (RFC 9112 section 5.2: one or more).
func containsValue(values [][]byte, value []byte, folded bool) bool {
	for _, v := range values {
		if bytes.Equal(bytes.TrimSpace(v), value) || folded && slices.EqualFunc(bytes.Fields(v), bytes.Fields(value), bytes.Equal) {
			return true
		}
	}
	return false
}

// Whatever head is accepted, the client is sent lines that can be read in one way
// only, and reads the same from them.
func FuzzAnswerHead(f *testing.F) {
	for _, seed := range []string{
		wiretest.OK, "HTTP/1.1 200 OK\r\n" + wiretest.ManyLines + "\r\n", "HTTP/1.0 204\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\nD :e\r\nF g: h\r\n\r\n",
		"HTTP/1.1 200 OK\nA: b\nC: d\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: x\r\n y, z\r\nA: \r\n b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\r\n \r\n c\r\n\r\n", "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n\x7fx: y\r\n z\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h Header
		if h.readFrom(bufio.NewReaderSize(bytes.NewReader(raw), 4096)) != nil {
			return
		}
		folded := bytes.Contains(raw, []byte("\n ")) || bytes.Contains(raw, []byte("\n\t"))
		for rest := h.lines; len(rest) > 0; {
			line, after, ok := field.CutLine(rest)
			name, value, found := field.Cut(line)
			if !ok || !found || !field.IsToken(name) || bytes.ContainsAny(value, "\x00\r\n") {
				t.Fatalf("%q became %q", raw, h.lines)
			}
			if !field.HasControl(value) && !containsValue(h.PeekAll(string(name)), value, folded) && !field.Is(name, "set-cookie") && !field.Is(name, "trailer") &&
				!field.Is(name, "server") && !field.Is(name, "content-type") && !field.Is(name, "content-encoding") && !field.Is(name, "content-length") {
				t.Fatalf("%q: %s is %q to those who ask, and not %q", raw, name, h.PeekAll(string(name)), value)
			}
			rest = after
		}
	})
}

// Heads that nginx passes although they are not as they should be, and what the client
// gets of them.
func TestHeadsThatNginxPasses(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nX-A: a\x01b\x7fc\x1b\r\nContent-Length: 2\r\n\r\nok":           "HTTP/1.1 200 OK\r\nX-A: a\x01b\x7fc\x1b\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\nX-A: b\r\n\r\nok":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\nX-A: b\nContent-Length: 2\n\nok":                                 "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\nX-A: b\r\nContent-Length: 2\n\r\nok":                             "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
		"HTTP/1.1 204 No Content\n\n":                                                      "HTTP/1.1 204 No Content\r\n\r\n",
	} {
		a := wiretest.StartApp(t, wiretest.Answering(sent))
		p := startServer(t, a.Addr, nil)
		w := p.Dial()
		for range 2 {
			if raw := w.Send(wiretest.Get("/x")).Answer(); raw != want {
				t.Errorf("%q became %q, want %q", sent, raw, want)
			}
			if strings.Contains(sent, "103") && wiretest.Body(w.Answer()) != "ok" {
				t.Errorf("%q is not answered", sent)
			}
		}
		if n := a.Accepted(); n != 1 {
			t.Errorf("%q: %d connections to the app", sent, n)
		}
	}
	identity := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: Identity\r\n\r\nuntil the end")
	})
	p := startServer(t, identity.Addr, nil)
	if raw := p.Exchange(wiretest.Get("/x")); wiretest.Unchunk(t, wiretest.Body(raw)) != "until the end" {
		t.Errorf("answer %q", raw)
	}
}
