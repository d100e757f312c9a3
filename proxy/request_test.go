package proxy

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The app gets the request as it was sent: target, headers and duplicates in their
// order and spelling, cookies byte for byte, and the body.
func TestRequestReachesAppAsSent(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	p.exchange("POST //a//b/%2F/../c%20d/?&x=%3D&? HTTP/1.1\r\n" +
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
		"X-Request-Id: mine\r\n" +
		"Content-Length: 5\r\n\r\nhello"
	if diff := cmp.Diff(want, a.seen()[0]); diff != "" {
		t.Errorf("the app was sent (-want +got):\n%s", diff)
	}
}

// The app is sent nothing that the client did not send: no User-Agent, no type for an
// empty body, and a multipart body as it is.
func TestNothingIsPutIntoARequest(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	form := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\nand more"
	for i, sent := range []string{
		"POST /empty HTTP/1.1\r\nHost: site.test\r\nX-Request-Id: 1\r\nContent-Length: 0\r\n\r\n",
		"POST /bare HTTP/1.1\r\nHost: site.test\r\nX-Request-Id: 1\r\n\r\n",
		"POST /form HTTP/1.1\r\nHost: site.test\r\nContent-Type: multipart/form-data; boundary=b\r\nX-Request-Id: 1\r\nContent-Length: " + itoa(len(form)) + "\r\n\r\n" + form,
	} {
		p.exchange(sent)
		const added = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: site.test\r\nX-Request-Id: 1\r\n"
		if diff := cmp.Diff(strings.Replace(sent, "X-Request-Id: 1\r\n", added, 1), a.seen()[i]); diff != "" {
			t.Errorf("the app was sent (-want +got):\n%s", diff)
		}
	}
}

// A page is asked for with the client's lines as they are, but for those that would
// make the answer one that cannot be rewritten.
func TestPageRequestReachesAppAsSent(t *testing.T) {
	t.Parallel()
	p, a := startPages(t, warmCaptures(), nil, func(string) string { return jsonAnswer(thumbnailsOf(1)) })
	p.exchange("GET /api/v2/captures/?a=%2F&&b HTTP/1.1\r\nHost: site.test\r\nCookie: a=b\r\nif-none-match: \"x\"\r\nX-CSRFToken: t\r\n" +
		"ACCEPT-ENCODING: br\r\nx-csrftoken: u\r\nIf-Modified-Since: x\r\nIf-Range: y\r\nAuthorization: Token abc\r\nX-Request-Id: 1\r\n\r\n")
	want := "GET /api/v2/captures/?a=%2F&&b HTTP/1.1\r\nHost: site.test\r\nCookie: a=b\r\nX-CSRFToken: t\r\nx-csrftoken: u\r\nAuthorization: Token abc\r\n" +
		"Accept-Encoding: identity\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: site.test\r\nX-Request-Id: 1\r\n\r\n"
	if diff := cmp.Diff(want, a.seen()[0]); diff != "" {
		t.Errorf("the app was sent (-want +got):\n%s", diff)
	}
}

func TestTargetsStayRaw(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	for _, target := range []string{"/", "/?", "//", "/a/../b", "/a/./b", "/%2F%2f", "/a%20b?c", "/;p=1?", "/\xc3\xa9", "/x?a=b&a=b#", "*"} {
		request := get(target)
		if target == "*" {
			request = strings.Replace(request, "GET", "OPTIONS", 1)
		}
		raw := p.exchange(request)
		if !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
			t.Errorf("%q: answer %q", target, raw)
			continue
		}
		seen := a.seen()
		if got := strings.Split(seen[len(seen)-1], " ")[1]; got != target {
			t.Errorf("the app was sent %q for %q", got, target)
		}
	}
}

// Hop-by-hop headers stay on their hop, and so does everything that Connection
// names; what framing and routing need cannot be named away.
func TestHopByHopHeadersAreRemoved(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	p.exchange("GET /x HTTP/1.1\r\nHost: site.test\r\n" +
		"Connection: keep-alive, X-Gone\r\n" +
		"Connection: x-also-gone, Host, X-Forwarded-For\r\n" +
		"X-Gone: 1\r\nX-Also-Gone: 1\r\nX-Stays: 1\r\n" +
		"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: secret\r\n" +
		"TE: trailers\r\nTrailer: X-Sum\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n")
	got := a.seen()[0]
	for _, gone := range []string{"Connection", "X-Gone", "X-Also-Gone", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "Upgrade", "HTTP2-Settings"} {
		if values := fieldsOf(got, gone); values != nil {
			t.Errorf("%s reached the app: %q", gone, values)
		}
	}
	for _, stays := range []string{"X-Stays", "Host", "X-Forwarded-For"} {
		if values := fieldsOf(got, stays); len(values) != 1 {
			t.Errorf("%s: %q", stays, values)
		}
	}
}

// HTTP/2 by upgrade would take a connection past every rule of the proxy.
func TestUpgradeToHTTP2IsNotPassedOn(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	raw := p.exchange("GET /x HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n")
	if bodyOf(raw) != "ok" || fieldsOf(a.seen()[0], "Upgrade") != nil {
		t.Errorf("answer %q, request %q", raw, a.seen()[0])
	}
}

func TestForwardingHeaders(t *testing.T) {
	t.Parallel()
	sent := "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\n" +
		"X-Forwarded-Host: public.test\r\nForwarded: for=203.0.113.7;proto=https\r\nX-Real-IP: 203.0.113.7\r\n" +
		"X_Forwarded_Proto: https\r\nX-Forwarded-Port: 443\r\n"
	cases := []struct {
		name    string
		proxies []string
		sent    string
		want    map[string][]string
	}{
		{"trusted peer is believed and added to", []string{"127.0.0.0/8"}, sent, map[string][]string{
			"X-Forwarded-For": {"203.0.113.7, 198.51.100.1, 127.0.0.1"}, "X-Forwarded-Proto": {"https"},
			"X-Forwarded-Host": {"public.test"}, "X-Real-IP": {"203.0.113.7"}, "X-Forwarded-Port": {"443"},
			"Forwarded":         {`for=203.0.113.7;proto=https, for=127.0.0.1;host="site.test";proto=http`},
			"X_Forwarded_Proto": nil,
		}},
		{"anybody else is replaced", []string{"10.0.0.0/8"}, sent, map[string][]string{
			"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"site.test"},
			"Forwarded": {`for=127.0.0.1;host="site.test";proto=http`},
			"X-Real-IP": nil, "X-Forwarded-Port": nil, "X_Forwarded_Proto": nil,
		}},
		{"nothing sent", []string{"10.0.0.0/8"}, "", map[string][]string{
			"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"site.test"}, "Forwarded": nil,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := startApp(t, answering(okAnswer))
			p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.TrustedProxies = c.proxies })
			for range 2 {
				p.exchange("GET /x HTTP/1.1\r\nHost: site.test\r\n" + c.sent + "\r\n")
			}
			for name, want := range c.want {
				if diff := cmp.Diff(want, fieldsOf(a.seen()[1], name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			warnings := strings.Count(p.log.String(), "server.trusted_proxies")
			if want := map[bool]int{true: 1}[c.sent != "" && c.proxies[0] == "10.0.0.0/8"]; warnings != want {
				t.Errorf("warned %d times, want %d", warnings, want)
			}
		})
	}
}

func TestHostIsPreservedOrReplaced(t *testing.T) {
	t.Parallel()
	for _, preserve := range []bool{true, false} {
		a := startApp(t, answering(okAnswer))
		p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Upstream.PreserveHost = preserve })
		p.exchange(get("/x"))
		want := map[bool]string{true: "site.test", false: a.addr}[preserve]
		if got := fieldsOf(a.seen()[0], "Host"); len(got) != 1 || got[0] != want {
			t.Errorf("preserve_host %v: Host %q, want %q", preserve, got, want)
		}
	}
}

// A request id is made where there is none, and logged.
func TestRequestID(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	p.exchange(get("/x"))
	id := fieldsOf(a.seen()[0], "X-Request-Id")
	if len(id) != 1 || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id[0]) {
		t.Fatalf("X-Request-Id %q", id)
	}
	eventually(t, "the id is in the access log", func() bool {
		return strings.Contains(p.log.String(), "request_id="+id[0])
	})
}

// A chunked body is chunked to the app too, its trailer behind it; forbidden
// fields are left out of that.
func TestChunkedRequestWithTrailer(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	p.exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 9\r\n\r\n")
	got := a.seen()[0]
	if fieldsOf(got, "Trailer") == nil || fieldsOf(got, "Content-Length") != nil {
		t.Errorf("head %q", got)
	}
	if body := bodyOf(got); !strings.HasSuffix(body, "\r\n0\r\nX-Sum: 7\r\n\r\n") || strings.Contains(body, "ext") {
		t.Errorf("body %q", body)
	}
	if data := unchunk(t, got[strings.Index(got, "\r\n\r\n")+4:]); data != "abcde" {
		t.Errorf("data %q", data)
	}
}

// A client that waits to be told to go on is told so by the proxy.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	for _, size := range []int{5, smallBody + 1} {
		a := startApp(t, answering(okAnswer))
		p := startProxy(t, a.addr, nil)
		w := p.dial()
		w.send("POST /x HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nContent-Length: " + itoa(size) + "\r\n\r\n")
		if raw := w.answer(); raw != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("interim answer %q", raw)
		}
		w.send(strings.Repeat("x", size))
		if raw := w.answer(); bodyOf(raw) != "ok" {
			t.Errorf("answer %q", raw)
		}
		if got := fieldsOf(a.seen()[0], "Expect"); got != nil {
			t.Errorf("Expect reached the app: %q", got)
		}
	}
}

func TestRequestBodyLimit(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.MaxRequestBody = 10 })
	for _, request := range []string{
		"POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 11\r\n\r\n12345678901",
		"POST /x HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n",
	} {
		if raw := p.exchange(request); !strings.HasPrefix(raw, "HTTP/1.1 413 ") {
			t.Errorf("answer %q", raw)
		}
	}
	if raw := p.exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\n1234567890"); !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
		t.Errorf("answer %q", raw)
	}
}

// The refusal of a body that is too large reaches a client that sends all of it
// before it looks.
func TestRequestBodyLimitWhileSending(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.MaxRequestBody = 1 << 20 })
	for _, framing := range []string{"Content-Length: 4194304\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n400000\r\n"} {
		w := p.dial().send("POST /x HTTP/1.1\r\nHost: site.test\r\n" + framing)
		if _, err := io.CopyN(w.TCPConn, &pattern{}, 4<<20); err != nil {
			t.Errorf("%q: sending: %v", framing, err)
		}
		if raw := w.answer(); !strings.HasPrefix(raw, "HTTP/1.1 413 ") {
			t.Errorf("%q: answer %q", framing, raw)
		}
	}
}

// Requests that were sent together are answered in their order.
func TestPipelinedRequests(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	w := p.dial()
	w.send(get("/1") + "POST /2 HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc" + get("/3"))
	for range 3 {
		if raw := w.answer(); bodyOf(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	for i, request := range a.seen() {
		if !strings.Contains(request, " /"+itoa(i+1)+" ") {
			t.Errorf("request %d was %q", i+1, request)
		}
	}
}

// Large heads are possible up to server.max_header.
func TestHeadLargerThanTheUsualBuffer(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	large := strings.Repeat("a", 20<<10)
	w := p.dial()
	for range 2 {
		w.send("POST /x HTTP/1.1\r\nHost: site.test\r\nX-A: " + large + "\r\nContent-Length: 3\r\n\r\nabc")
		if raw := w.answer(); bodyOf(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	if got := a.seen()[1]; fieldsOf(got, "X-A")[0] != large || bodyOf(got) != "abc" {
		t.Errorf("the app was sent %d bytes", len(got))
	}
}

func TestIdleConnectionEnds(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.IdleTimeout = 100 * time.Millisecond })
	w := p.dial()
	w.send(get("/x")).answer()
	if more, failed := w.rest(); more != "" || failed {
		t.Errorf("the connection ended with %q, reset: %v", more, failed)
	}
}
