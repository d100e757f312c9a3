package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// post is a request that must not be delivered twice.
func post(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}

// A connection that the app closed while it was idle is not used.
func TestStaleConnectionIsNotUsed(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 1)
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.read(br); err == nil {
			_, _ = io.WriteString(conn, okAnswer)
		}
		_ = conn.Close()
		closed <- struct{}{}
	})
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Upstream.IdleTimeout = time.Minute })
	w := p.dial()
	for range 5 {
		if raw := w.send(post("/x", "x")).answer(); bodyOf(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
		<-closed
	}
	if n := len(a.seen()); n != 5 {
		t.Errorf("%d requests reached the app", n)
	}
	if n := count(p.server.metrics.retries); n != 0 {
		t.Errorf("%d retries", n)
	}
}

// Idle connections are closed after their time, whether anybody asks or not.
func TestIdleConnectionsToTheAppAreClosed(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		answering(okAnswer)(a, conn, br)
		close(ended)
	})
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Upstream.IdleTimeout = 30 * time.Millisecond })
	p.exchange(get("/x"))
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Fatal("the connection stayed open")
	}
}

// What an app may have acted upon is sent again only where that is safe: never a
// POST, PUT or DELETE, and a GET once.
func TestRetriesGoByWhatTheAppMayHaveSeen(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{"GET": 2, "HEAD": 2, "OPTIONS": 2, "POST": 1, "PUT": 1, "DELETE": 1, "PATCH": 1} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
				_, _ = a.read(br) // and dies of it
			})
			p := startProxy(t, a.addr, nil)
			w := p.dial()
			w.send(method + " /x HTTP/1.1\r\nHost: site.test\r\n\r\n")
			if raw, err := readHead(w.br); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
				t.Errorf("answer %q, %v", raw, err)
			}
			a.stop()
			if n := len(a.seen()); n != want {
				t.Errorf("delivered %d times, want %d", n, want)
			}
		})
	}
}

// A GET is not repeated once a byte of its answer came.
func TestNoRetryAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.read(br)
		_, _ = io.WriteString(conn, "HTTP/1.1 200")
	})
	p := startProxy(t, a.addr, nil)
	if raw := p.exchange(get("/x")); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
		t.Errorf("answer %q", raw)
	}
	if n := len(a.seen()); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

// An app that is down is a 502 at once, and one that comes back works at once.
func TestAppDownAndBack(t *testing.T) {
	t.Parallel()
	ln := listen(t)
	addr := ln.Addr().String()
	_ = ln.Close()
	p := startProxy(t, addr, nil)
	w := p.dial()
	for range 3 {
		raw := w.send(post("/x", "x")).answer()
		if !strings.HasPrefix(raw, "HTTP/1.1 502 ") || fieldsOf(raw, "Cache-Control")[0] != "no-store" {
			t.Fatalf("answer %q", raw)
		}
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = readMessage(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, okAnswer)
	}()
	if raw := w.send(post("/x", "x")).answer(); bodyOf(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
}

func TestResponseTimeout(t *testing.T) {
	t.Parallel()
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.read(br); err != nil {
				return
			}
		}
	})
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Upstream.ResponseTimeout = 50 * time.Millisecond })
	w := p.dial()
	for range 2 {
		if raw := w.send(get("/x")).answer(); !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
			t.Errorf("answer %q", raw)
		}
	}
	if n := len(a.seen()); n != 2 {
		t.Errorf("delivered %d times", n)
	}
}

// An answer that comes after the client was told 504 is never taken for the answer
// to another request.
func TestLateAnswerIsNotTheNextOne(t *testing.T) {
	t.Parallel()
	late := make(chan struct{})
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := a.read(br)
			if err != nil {
				return
			}
			body := strings.Split(raw, " ")[1]
			if body == "/late" {
				<-late
			}
			if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				return
			}
		}
	})
	p := startProxy(t, a.addr, nil, func(s *Server) { s.pool.cfg.ResponseTimeout = 100 * time.Millisecond })
	w := p.dial()
	if raw := w.send(get("/late")).answer(); !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
		t.Errorf("answer %q", raw)
	}
	w.send(get("/next"))
	eventually(t, "it is with the app, or on its way", func() bool { return len(a.seen()) == 2 || len(p.server.pool.slots) > 0 })
	close(late)
	if raw := w.answer(); bodyOf(raw) != "/next" && !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
		t.Errorf("the next request was answered %q", raw)
	}
}

// The time an upload takes does not count against the app's time to answer.
func TestResponseTimeoutBeginsAfterTheUpload(t *testing.T) {
	t.Parallel()
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) })
	p := startProxy(t, a.addr, nil)
	w := p.dial()
	client, err := p.server.newClient(w.TCPConn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := p.server.pool.take(client, true)
	if err != nil {
		t.Fatal(err)
	}
	conn.begin(client)
	defer conn.close()
	client.req.upload = &upload{}
	start := time.Now()
	limit := p.server.cfg.Upstream.ResponseTimeout
	for i := range 3 {
		client.req.upload.sent.Add(1)
		start = start.Add(limit - time.Second)
		if err := conn.lookAround(start); err != nil {
			t.Fatalf("look %d: %v", i, err)
		}
	}
	if err := conn.lookAround(start.Add(limit)); err != errResponseTimeout {
		t.Errorf("after the limit: %v", err)
	}
}

// A second request that is there already while the app takes its time over the
// first is neither lost nor a sign that the client has gone.
func TestPipelinedRequestWhileTheAppTakesItsTime(t *testing.T) {
	t.Parallel()
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.read(br); err != nil {
				return
			}
			<-time.After(3 * tick) // the proxy looks at the client meanwhile
			if _, err := io.WriteString(conn, okAnswer); err != nil {
				return
			}
		}
	})
	p := startProxy(t, a.addr, nil)
	w := p.dial().send(get("/1"))
	eventually(t, "the app has the first request", func() bool { return len(a.seen()) == 1 })
	w.send(get("/2"))
	for range 2 {
		if raw := w.answer(); bodyOf(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	if second := a.seen()[1]; !strings.HasPrefix(second, "GET /2 HTTP/1.1\r\n") {
		t.Errorf("the second request became %q", second)
	}
}

// No more than upstream.max_conns connections are open; who waits for longer than
// connecting may take is told to come back.
func TestUpstreamConnectionLimit(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.read(br); err != nil {
				return
			}
			<-release
			_, _ = io.WriteString(conn, okAnswer)
		}
	})
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) {
		cfg.Upstream.MaxConns = 2
		cfg.Upstream.MaxFallbacks = 1
		cfg.Upstream.ConnectTimeout = 100 * time.Millisecond
	})
	first, second := p.dial().send(get("/1")), p.dial().send(get("/2"))
	eventually(t, "both connections are in use", func() bool { return len(a.seen()) == 2 })
	raw := p.exchange(get("/3"))
	if !strings.HasPrefix(raw, "HTTP/1.1 503 ") || fieldsOf(raw, "Retry-After") == nil {
		t.Errorf("answer %q", raw)
	}
	close(release)
	for _, w := range []*wire{first, second} {
		if raw := w.answer(); bodyOf(raw) != "ok" {
			t.Errorf("answer %q", raw)
		}
	}
	if raw := p.exchange(get("/4")); bodyOf(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
	if n := a.connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
}
