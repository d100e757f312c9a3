package wire

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// The client gets the answer as it was sent: status and reason, headers with their
// duplicates in order, nothing put in, hop-by-hop headers left out.
func TestAnswerReachesClientAsSent(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 299 Quite Fine\r\n"+
		"Set-Cookie: a=1; Path=/; HttpOnly\r\nVary: Accept\r\nSet-Cookie: b=2\r\nVary: Cookie\r\n"+
		"Connection: keep-alive, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=2\r\n"+
		"Content-Length: 5\r\n\r\nhello"))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	for range 2 {
		raw := w.Send(wiretest.Get("/x")).Answer()
		if !strings.HasPrefix(raw, "HTTP/1.1 299 Quite Fine\r\n") || wiretest.Body(raw) != "hello" {
			t.Errorf("answer %q", raw)
		}
		for name, want := range map[string][]string{
			"Set-Cookie": {"a=1; Path=/; HttpOnly", "b=2"}, "Vary": {"Accept", "Cookie"},
			"Server": nil, "Date": nil, "Content-Type": nil, "X-Gone": nil, "Keep-Alive": nil, "Connection": nil,
		} {
			if diff := cmp.Diff(want, wiretest.Fields(raw, name)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestAnswerWithoutReason(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"))
	p := startServer(t, a.Addr, nil)
	if raw := p.Exchange(wiretest.Get("/x")); !strings.HasPrefix(raw, "HTTP/1.1 200 \r\n") {
		t.Errorf("answer %q", raw)
	}
}

// Answers that have no body get none, and the connection goes on after them.
func TestAnswersWithoutBody(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, method, answer, length string }{
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"204 that claims a length", "DELETE", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ""},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", ""},
		{"304 with the length of what it stands for", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "7"},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "1234"},
		{"HEAD of a chunked answer", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
		{"empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := wiretest.StartApp(t, wiretest.Answering(c.answer))
			p := startServer(t, a.Addr, nil)
			w := p.Dial()
			for range 3 {
				w.Send(c.method + " /x HTTP/1.1\r\nHost: site.test\r\n\r\n")
				raw, err := wiretest.ReadHead(w.Br)
				if err != nil || !strings.HasPrefix(raw, c.answer[:12]) {
					t.Fatalf("answer %q, %v", raw, err)
				}
				if got := strings.Join(wiretest.Fields(raw, "Content-Length"), "|"); got != c.length {
					t.Errorf("Content-Length %q, want %q", got, c.length)
				}
			}
			if n := a.Accepted(); n != 1 {
				t.Errorf("%d connections to the app", n)
			}
		})
	}
}

// A body that an app sends to HEAD all the same is not read as the next answer.
func TestBodyAfterHeadIsDropped(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-N: 1\r\n\r\nok"))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	for range 3 {
		w.Send("HEAD /x HTTP/1.1\r\nHost: site.test\r\n\r\n")
		if raw, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 200 OK") {
			t.Fatalf("answer %q, %v", raw, err)
		}
	}
	if raw := w.Send(wiretest.Get("/x")).Answer(); wiretest.Body(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
}

// An interim answer is passed on, and never taken for the final one.
func TestInterimAnswers(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\n\r\n"+
		"HTTP/1.1 102 Processing\r\n\r\n"+wiretest.OK))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	for range 3 {
		w.Send(wiretest.Get("/x"))
		if raw := w.Answer(); raw != "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\n\r\n" {
			t.Fatalf("first %q", raw)
		}
		if raw := w.Answer(); raw != "HTTP/1.1 102 Processing\r\n\r\n" {
			t.Fatalf("second %q", raw)
		}
		if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 200 ") || wiretest.Body(raw) != "ok" {
			t.Fatalf("third %q", raw)
		}
	}
	old := p.Exchange("GET /x HTTP/1.0\r\nHost: site.test\r\n\r\n")
	if !strings.HasPrefix(old, "HTTP/1.1 200 ") {
		t.Errorf("HTTP/1.0 client got %q", old)
	}
}

// An app that never comes to its final answer is an app that failed.
func TestEndlessInterimAnswers(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		for {
			if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
		}
	})
	p := startServer(t, a.Addr, nil)
	if raw := p.Exchange(wiretest.Get("/x")); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
		t.Errorf("answer %q", raw)
	}
}

func TestChunkedAnswerWithTrailer(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"3;ext\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 7\r\n\r\n"))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	for range 2 {
		raw := w.Send(wiretest.Get("/x")).Answer()
		if wiretest.Fields(raw, "Trailer") == nil || !strings.HasSuffix(raw, "\r\n0\r\nX-Sum: 7\r\n\r\n") {
			t.Errorf("answer %q", raw)
		}
		if data := wiretest.Unchunk(t, wiretest.Body(raw)); data != "abc0123456789abcdef" {
			t.Errorf("body %q", data)
		}
	}
	old := p.Dial().Send("GET /x HTTP/1.0\r\nHost: site.test\r\n\r\n")
	raw, failed := old.Rest()
	if failed || wiretest.Body(raw) != "abc0123456789abcdef" || wiretest.Fields(raw, "Transfer-Encoding") != nil || wiretest.Fields(raw, "Trailer") != nil {
		t.Errorf("HTTP/1.0 client got %q", raw)
	}
}

// An answer that ends with the app's connection ends properly for the client,
// whose connection goes on.
func TestCloseDelimitedAnswer(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nuntil the end")
	})
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	for range 2 {
		raw := w.Send(wiretest.Get("/x")).Answer()
		if !strings.HasPrefix(raw, "HTTP/1.1 200 OK\r\n") || wiretest.Unchunk(t, wiretest.Body(raw)) != "until the end" {
			t.Errorf("answer %q", raw)
		}
	}
	old, failed := p.Dial().Send("GET /x HTTP/1.0\r\nHost: site.test\r\n\r\n").Rest()
	if failed || wiretest.Body(old) != "until the end" {
		t.Errorf("HTTP/1.0 client got %q", old)
	}
}

func TestHTTP10Clients(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	raw, failed := p.Dial().Send("GET /x HTTP/1.0\r\nHost: site.test\r\n\r\n").Rest()
	if failed || wiretest.Body(raw) != "ok" || wiretest.Fields(raw, "Connection")[0] != "close" {
		t.Errorf("answer %q", raw)
	}
	w := p.Dial()
	for range 2 {
		raw := w.Send("GET /x HTTP/1.0\r\nHost: site.test\r\nConnection: keep-alive\r\n\r\n").Answer()
		if wiretest.Body(raw) != "ok" || wiretest.Fields(raw, "Connection")[0] != "keep-alive" {
			t.Errorf("answer %q", raw)
		}
	}
}

func TestConnectionCloseIsHonoured(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	raw, failed := p.Dial().Send("GET /x HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n").Rest()
	if failed || wiretest.Body(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
}

// Cache-Status tells on every answer what was done, where it is asked for.
func TestCacheStatus(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	for _, on := range []bool{true, false} {
		p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.DebugHeaders = on })
		got := wiretest.Fields(p.Exchange(wiretest.Get("/x")), "Cache-Status")
		if want := map[bool]string{true: "thumbedge; fwd=bypass; detail=test"}[on]; strings.Join(got, "|") != want {
			t.Errorf("debug_headers %v: Cache-Status %q", on, got)
		}
	}
}
