package wire

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// The app gets the request as it was sent: target, headers and duplicates in their
// order and spelling, cookies byte for byte, and the body.
func TestRequestReachesAppAsSent(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	p.Exchange("POST //a//b/%2F/../c%20d/?&x=%3D&? HTTP/1.1\r\n" +
		"Host: Site.Test:8080\r\n" +
		"Cookie: a=b;c=\"d\" ; e\r\n" +
		"X-Many: 1\r\n" +
		"accept-language: sw,en;q=0.5\r\n" +
		"X-Many: 2\r\n" +
		"Cookie: second=1\r\n" +
		"Authorization: Token  abc \r\n" +
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n" +
		"newrelic: xyz\r\n" +
		"Sec-WebSocket-Key: k\r\n" +
		"X-Empty:\r\n" +
		"X-Request-Id: mine\r\n" +
		"Content-Length: 5\r\n\r\nhello")
	want := "POST //a//b/%2F/../c%20d/?&x=%3D&? HTTP/1.1\r\n" +
		"Host: Site.Test:8080\r\n" +
		"Cookie: a=b;c=\"d\" ; e\r\n" +
		"X-Many: 1\r\n" +
		"accept-language: sw,en;q=0.5\r\n" +
		"X-Many: 2\r\n" +
		"Cookie: second=1\r\n" +
		"Authorization: Token  abc \r\n" +
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n" +
		"newrelic: xyz\r\n" +
		"Sec-WebSocket-Key: k\r\n" +
		"X-Empty:\r\n" +
		"X-Forwarded-For: 127.0.0.1\r\n" +
		"X-Forwarded-Proto: http\r\n" +
		"X-Forwarded-Host: Site.Test:8080\r\n" +
		"CDN-Loop: " + p.server.loopID + "\r\n" +
		"X-Request-Id: mine\r\n" +
		"Content-Length: 5\r\n\r\nhello"
	if diff := cmp.Diff(want, a.Seen()[0]); diff != "" {
		t.Errorf("the app was sent (-want +got):\n%s", diff)
	}
}

// The app is sent nothing that the client did not send: no User-Agent, no type for an
// empty body, and a multipart body as it is.
func TestNothingIsPutIntoARequest(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	form := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\nand more"
	for i, sent := range []string{
		"POST /empty HTTP/1.1\r\nHost: site.test\r\nX-Request-Id: 1\r\nContent-Length: 0\r\n\r\n",
		"POST /bare HTTP/1.1\r\nHost: site.test\r\nX-Request-Id: 1\r\n\r\n",
		"POST /form HTTP/1.1\r\nHost: site.test\r\nContent-Type: multipart/form-data; boundary=b\r\nX-Request-Id: 1\r\nContent-Length: " + itoa(len(form)) + "\r\n\r\n" + form,
	} {
		p.Exchange(sent)
		added := "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: site.test\r\nCDN-Loop: " + p.server.loopID + "\r\nX-Request-Id: 1\r\n"
		if diff := cmp.Diff(strings.Replace(sent, "X-Request-Id: 1\r\n", added, 1), a.Seen()[i]); diff != "" {
			t.Errorf("the app was sent (-want +got):\n%s", diff)
		}
	}
}

func TestTargetsStayRaw(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	for _, target := range []string{"/", "/?", "//", "/a/../b", "/a/./b", "/%2F%2f", "/a%20b?c", "/;p=1?", "/\xc3\xa9", "/x?a=b&a=b%23", "*"} {
		request := wiretest.Get(target)
		if target == "*" {
			request = strings.Replace(request, "GET", "OPTIONS", 1)
		}
		raw := p.Exchange(request)
		if !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
			t.Errorf("%q: answer %q", target, raw)
			continue
		}
		seen := a.Seen()
		if got := strings.Split(seen[len(seen)-1], " ")[1]; got != target {
			t.Errorf("the app was sent %q for %q", got, target)
		}
	}
}

// A chunked body is chunked to the app too, its trailer behind it; forbidden
// fields are left out of that.
func TestChunkedRequestWithTrailer(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, streaming)
	p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 9\r\n\r\n")
	got := a.Seen()[0]
	if wiretest.Fields(got, "Trailer") == nil || wiretest.Fields(got, "Content-Length") != nil {
		t.Errorf("head %q", got)
	}
	if body := wiretest.Body(got); !strings.HasSuffix(body, "\r\n0\r\nX-Sum: 7\r\n\r\n") || strings.Contains(body, "ext") {
		t.Errorf("body %q", body)
	}
	if data := wiretest.Unchunk(t, got[strings.Index(got, "\r\n\r\n")+4:]); data != "abcde" {
		t.Errorf("data %q", data)
	}
}

// A client that waits to be told to go on is told so by the proxy.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	for _, size := range []int{5, smallBody + 1} {
		a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
		p := startServer(t, a.Addr, nil)
		w := p.Dial()
		w.Send("POST /x HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nContent-Length: " + itoa(size) + "\r\n\r\n")
		if raw := w.Answer(); raw != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("interim answer %q", raw)
		}
		w.Send(strings.Repeat("x", size))
		if raw := w.Answer(); wiretest.Body(raw) != "ok" {
			t.Errorf("answer %q", raw)
		}
		if got := wiretest.Fields(a.Seen()[0], "Expect"); got != nil {
			t.Errorf("Expect reached the app: %q", got)
		}
	}
}

func TestRequestBodyLimit(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.MaxRequestBody = 10 })
	for _, request := range []string{
		"POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 11\r\n\r\n12345678901",
		"POST /x HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n",
	} {
		if raw := p.Exchange(request); !strings.HasPrefix(raw, "HTTP/1.1 413 ") {
			t.Errorf("answer %q", raw)
		}
	}
	if raw := p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\n1234567890"); !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
		t.Errorf("answer %q", raw)
	}
}

// The refusal of a body that is too large reaches a client that sends all of it
// before it looks.
func TestRequestBodyLimitWhileSending(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.MaxRequestBody = 1 << 20 }, func(s *Server) { s.linger = wiretest.Deadline })
	for _, framing := range []string{"Content-Length: 4194304\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n400000\r\n"} {
		w := p.Dial().Send("POST /x HTTP/1.1\r\nHost: site.test\r\n" + framing)
		if _, err := io.CopyN(w.TCPConn, &pattern{}, 4<<20); err != nil {
			t.Errorf("%q: sending: %v", framing, err)
		}
		if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 413 ") {
			t.Errorf("%q: answer %q", framing, raw)
		}
	}
}

// Requests that were sent together are answered in their order.
func TestPipelinedRequests(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	w.Send(wiretest.Get("/1") + "POST /2 HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc" + wiretest.Get("/3"))
	for range 3 {
		if raw := w.Answer(); wiretest.Body(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	for i, request := range a.Seen() {
		if !strings.Contains(request, " /"+itoa(i+1)+" ") {
			t.Errorf("request %d was %q", i+1, request)
		}
	}
}

// Large heads are possible up to server.max_header.
func TestHeadLargerThanTheUsualBuffer(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	large := strings.Repeat("a", 20<<10)
	w := p.Dial()
	for range 2 {
		w.Send("POST /x HTTP/1.1\r\nHost: site.test\r\nX-A: " + large + "\r\nContent-Length: 3\r\n\r\nabc")
		if raw := w.Answer(); wiretest.Body(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	if got := a.Seen()[1]; wiretest.Fields(got, "X-A")[0] != large || wiretest.Body(got) != "abc" {
		t.Errorf("the app was sent %d bytes", len(got))
	}
}

func TestIdleConnectionEnds(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.IdleTimeout = 100 * time.Millisecond })
	w := p.Dial()
	w.Send(wiretest.Get("/x")).Answer()
	if more, failed := w.Rest(); more != "" || failed {
		t.Errorf("the connection ended with %q, reset: %v", more, failed)
	}
}
