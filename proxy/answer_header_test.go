package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Lines as an app may write them: names in any case, special ones twice, odd
// spacing, in an order that says something.
const manyLines = "etag: \"a\"\r\n" +
	"Server: gunicorn\r\n" +
	"SERVER: uvicorn\r\n" +
	"Content-type: text/plain\r\n" +
	"set-cookie: b=2; Path=/\r\n" +
	"X-CSRFToken:tight\r\n" +
	"x_under_score:   wide  \r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n" +
	"Set-Cookie: a=1\r\n" +
	"Date: Mon, 23 Nov 2026 02:41:32 GMT\r\n" +
	"CONTENT-LENGTH: 2\r\n" +
	"Vary: Accept\r\n" +
	"set-cookie: c=3\r\n" +
	"vary: Cookie\r\n" +
	"X-Empty:\r\n"

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
			a := startApp(t, answering("HTTP/1.1 200 All Right\r\n"+hop+manyLines+"\r\nok"))
			p := startProxy(t, a.addr, nil)
			w := p.dial()
			for range 2 {
				w.send(get("/x"))
				raw, err := readHead(w.br)
				if diff := cmp.Diff("HTTP/1.1 200 All Right\r\n"+manyLines+"\r\n", raw); diff != "" || err != nil {
					t.Fatalf("%v, (-want +got):\n%s", err, diff)
				}
				if _, err := io.CopyN(io.Discard, w.br, 2); err != nil {
					t.Fatal(err)
				}
			}
			if n := a.connections(); n != 1 {
				t.Errorf("%d connections to the app", n)
			}
		})
	}
}

// A rewritten page keeps the lines it had but for those that the rewriting makes
// wrong, and those that change stay in their place and spelling.
func TestHeaderLinesOfARewrittenPage(t *testing.T) {
	t.Parallel()
	body := thumbnailsOf(1)
	want := strings.NewReplacer(`"small":"`+route(1, "small"), `"small":"`+storageURL(1, "small"), `"medium":"`+route(1, "medium"), `"medium":"`+storageURL(1, "medium")).Replace(body)
	const tag = `W/"t"`
	digits := regexp.MustCompile(`W/"t[0-9a-f]+"`)
	sent := strings.NewReplacer("Content-type: text/plain\r\n", "Content-type: application/json\r\n", "text/plain; ", "application/json; ",
		"CONTENT-LENGTH: 2", "CONTENT-LENGTH: "+itoa(len(body))).Replace(manyLines)
	p, _ := startPages(t, warmCaptures(), func(cfg *Config, _ *Deps) { cfg.Server.DebugHeaders = false }, func(string) string {
		return "HTTP/1.1 200 OK\r\nlast-modified: Mon, 23 Nov 2026 02:41:32 GMT\r\n" + sent + "ACCEPT-RANGES: bytes\r\nx-last: kept\r\ncontent-md5: x\r\n\r\n" + body
	})
	wanted := "HTTP/1.1 200 OK\r\n" + strings.NewReplacer(`etag: "a"`, "etag: "+tag, "CONTENT-LENGTH: "+itoa(len(body)), "CONTENT-LENGTH: "+itoa(len(want))).Replace(sent) + "x-last: kept\r\n\r\n"
	w := p.dial()
	for range 2 {
		w.send(get(pageTarget))
		head, err := readHead(w.br)
		if diff := cmp.Diff(wanted, digits.ReplaceAllString(head, tag)); diff != "" || err != nil {
			t.Fatalf("%v, (-want +got):\n%s", err, diff)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(w.br, got); err != nil || string(got) != want {
			t.Fatalf("%v, body %s", err, got)
		}
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
		a := startApp(t, answering("HTTP/1.1 200 OK\r\n"+sent+"\r\nok"))
		p := startProxy(t, a.addr, nil)
		if raw := p.exchange(get("/x")); raw != "HTTP/1.1 200 OK\r\n"+want+"\r\nok" {
			t.Errorf("%q became %q", sent, raw)
		}
	}
}

// What an app says of a body's end in two ways is said to the client in one.
func TestAnswerWithLengthAndEncoding(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
	p := startProxy(t, a.addr, nil)
	w := p.dial()
	for range 2 {
		if raw := w.send(get("/x")).answer(); raw != "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" {
			t.Errorf("answer %q", raw)
		}
	}
}

// An app's head may be a good deal larger than a client's.
func TestLargeAnswerHead(t *testing.T) {
	t.Parallel()
	answer := "HTTP/1.1 200 OK\r\nX-Large: " + strings.Repeat("a", appBuffer*3/4) + "\r\nContent-Length: 2\r\n\r\nok"
	p := startProxy(t, startApp(t, answering(answer)).addr, nil)
	w := p.dial()
	for range 2 {
		if raw := w.send(get("/x")).answer(); raw != answer {
			t.Errorf("%d bytes", len(raw))
		}
	}
}

// A head may come in any number of pieces.
func TestHeadInPieces(t *testing.T) {
	t.Parallel()
	next := make(chan byte)
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.read(br); err != nil {
			return
		}
		for b := range next {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	p := startProxy(t, a.addr, nil)
	w := p.dial().send(get("/x"))
	for _, b := range []byte("\r\n" + okAnswer) {
		next <- b
	}
	close(next)
	if raw := w.answer(); raw != okAnswer {
		t.Errorf("answer %q", raw)
	}
}

func TestEditingHeaderLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*answerHeader)
		want string
	}{
		{"removing all of a name", func(h *answerHeader) { h.Del("Vary") }, "a: 1\r\nETag:2\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\n"},
		{"removing a long name", func(h *answerHeader) { h.Del("Long-" + strings.Repeat("X", 70)) }, "a: 1\r\nvary: x\r\nETag:2\r\nVARY: y\r\n"},
		{"removing what is not there", func(h *answerHeader) { h.Del("Nope"); h.Del("b") }, ""},
		{"setting in place", func(h *answerHeader) { h.Set("Vary", "longer than before") },
			"a: 1\r\nvary: longer than before\r\nETag:2\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\n"},
		{"setting to less", func(h *answerHeader) { h.Set("Etag", "") }, "a: 1\r\nvary: x\r\nETag:\r\nVARY: y\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\n"},
		{"setting a new one", func(h *answerHeader) { h.Set("New", "n") },
			"a: 1\r\nvary: x\r\nETag:2\r\nVARY: y\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\nNew: n\r\n"},
		{"adding", func(h *answerHeader) { h.Add("Vary", "z"); h.Del("A") },
			"vary: x\r\nETag:2\r\nVARY: y\r\nLong-" + strings.Repeat("x", 70) + ": 3\r\nVary: z\r\n"},
	} {
		var h answerHeader
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
			name, value, _ := cutField(bytes.TrimSuffix(line, crlf))
			if asked := h.PeekAll(string(name)); !containsValue(asked, value) {
				t.Errorf("%s: %s is %q to those who ask", c.name, name, asked)
			}
		}
	}
}

func containsValue(values [][]byte, value []byte) bool {
	for _, v := range values {
		if bytes.Equal(bytes.TrimSpace(v), value) {
			return true
		}
	}
	return false
}

// Whatever head is accepted, the client is sent lines that can be read in one way
// only, and reads the same from them.
func FuzzAnswerHead(f *testing.F) {
	for _, seed := range []string{
		okAnswer, "HTTP/1.1 200 OK\r\n" + manyLines + "\r\n", "HTTP/1.0 204\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\nD :e\r\nF g: h\r\n\r\n",
		"HTTP/1.1 200 OK\nA: b\nC: d\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: x\r\n y, z\r\nA: \r\n b\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h answerHeader
		if h.readFrom(bufio.NewReaderSize(bytes.NewReader(raw), 4096)) != nil {
			return
		}
		for rest := h.lines; len(rest) > 0; {
			line, after, ok := cutLine(rest)
			name, value, found := cutField(line)
			if !ok || !found || !isToken(name) || hasControl(value) {
				t.Fatalf("%q became %q", raw, h.lines)
			}
			if !containsValue(h.PeekAll(string(name)), value) && !isName(name, "set-cookie") && !isName(name, "trailer") &&
				!isName(name, "server") && !isName(name, "content-type") && !isName(name, "content-encoding") && !isName(name, "content-length") {
				t.Fatalf("%q: %s is %q to those who ask, and not %q", raw, name, h.PeekAll(string(name)), value)
			}
			rest = after
		}
	})
}
