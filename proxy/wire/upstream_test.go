package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// post is a request that must not be delivered twice.
func post(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}

// A connection that the app closed while it was idle is not used.
func TestStaleConnectionIsNotUsed(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 1)
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.Read(br); err == nil {
			_, _ = io.WriteString(conn, wiretest.OK)
		}
		_ = conn.Close()
		closed <- struct{}{}
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = time.Minute })
	w := p.Dial()
	for range 5 {
		if raw := w.Send(post("/x", "x")).Answer(); wiretest.Body(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
		<-closed
	}
	if n := len(a.Seen()); n != 5 {
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
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		wiretest.Answering(wiretest.OK)(a, conn, br)
		close(ended)
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = 30 * time.Millisecond })
	p.Exchange(wiretest.Get("/x"))
	select {
	case <-ended:
	case <-time.After(wiretest.Deadline):
		t.Fatal("the connection stayed open")
	}
}

// What an app may have acted upon is sent again only where that is safe, never a POST,
// PUT or DELETE, and only where the connection had been used before: one that ends may
// have been about to. On a fresh one the request is what it died of.
func TestRetriesGoByWhatTheAppMayHaveSeen(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{"GET": 2, "HEAD": 2, "OPTIONS": 2, "POST": 1, "PUT": 1, "DELETE": 1, "PATCH": 1} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			checkRetries(t, method, true, want)
			checkRetries(t, method, false, 1)
		})
	}
}

// checkRetries sends a request that its app dies of, on a connection to it that was used
// before or on a fresh one.
func checkRetries(t *testing.T, method string, used bool, want int) {
	t.Helper()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := wiretest.ReadMessage(br)
			if err != nil || !strings.Contains(raw, " /first ") {
				a.Note(raw)
				return
			}
			_, _ = io.WriteString(conn, wiretest.OK)
		}
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = time.Minute })
	w := p.Dial()
	if used {
		w.Send(wiretest.Get("/first")).Answer()
	}
	w.Send(method + " /x HTTP/1.1\r\nHost: site.test\r\n\r\n")
	if raw, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
		t.Errorf("answer %q, %v", raw, err)
	}
	a.Stop()
	if n := len(a.Seen()); n != want {
		t.Errorf("used before: %v: delivered %d times, want %d", used, n, want)
	}
}

// A GET is not repeated once a byte of its answer came.
func TestNoRetryAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		_, _ = io.WriteString(conn, "HTTP/1.1 200")
	})
	p := startServer(t, a.Addr, nil)
	if raw := p.Exchange(wiretest.Get("/x")); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
		t.Errorf("answer %q", raw)
	}
	if n := len(a.Seen()); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

// An app that is down is a 502 at once, and one that comes back works at once.
func TestAppDownAndBack(t *testing.T) {
	t.Parallel()
	addr := testenv.FreeAddress(t)
	p := startServer(t, addr, nil)
	w := p.Dial()
	for range 3 {
		raw := w.Send(post("/x", "x")).Answer()
		if !strings.HasPrefix(raw, "HTTP/1.1 502 ") || wiretest.Fields(raw, "Cache-Control")[0] != "no-store" {
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
		_, _ = wiretest.ReadMessage(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, wiretest.OK)
	}()
	if raw := w.Send(post("/x", "x")).Answer(); wiretest.Body(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
}

// A second request that is there already while the app takes its time over the
// first is neither lost nor a sign that the client has gone.
func TestPipelinedRequestWhileTheAppTakesItsTime(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.Read(br); err != nil {
				return
			}
			<-time.After(3 * tick) // the proxy looks at the client meanwhile
			if _, err := io.WriteString(conn, wiretest.OK); err != nil {
				return
			}
		}
	})
	p := startServer(t, a.Addr, nil)
	w := p.Dial().Send(wiretest.Get("/1"))
	eventually.Holds(t, "the app has the first request", func() bool { return len(a.Seen()) == 1 })
	w.Send(wiretest.Get("/2"))
	for range 2 {
		if raw := w.Answer(); wiretest.Body(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	if second := a.Seen()[1]; !strings.HasPrefix(second, "GET /2 HTTP/1.1\r\n") {
		t.Errorf("the second request became %q", second)
	}
}

// No more than upstream.max_conns connections are open; who waits for longer than
// connecting may take is told to come back.
func TestUpstreamConnectionLimit(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.Read(br); err != nil {
				return
			}
			<-release
			_, _ = io.WriteString(conn, wiretest.OK)
		}
	})
	p := startServer(t, a.Addr, func(cfg *Config) {
		cfg.Upstream.MaxConns = 2
		cfg.Upstream.MaxFallbacks = 1
	})
	first, second := p.Dial().Send(wiretest.Get("/1")), p.Dial().Send(wiretest.Get("/2"))
	eventually.Holds(t, "both connections are in use", func() bool { return len(a.Seen()) == 2 })
	p.waitsForConnections(100 * time.Millisecond)
	raw := p.Exchange(wiretest.Get("/3"))
	p.waitsForConnections(wiretest.Deadline)
	if !strings.HasPrefix(raw, "HTTP/1.1 503 ") || wiretest.Fields(raw, "Retry-After") == nil {
		t.Errorf("answer %q", raw)
	}
	close(release)
	for _, w := range []*wiretest.Client{first, second} {
		if raw := w.Answer(); wiretest.Body(raw) != "ok" {
			t.Errorf("answer %q", raw)
		}
	}
	if raw := p.Exchange(wiretest.Get("/4")); wiretest.Body(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
	if n := a.Accepted(); n != 2 {
		t.Errorf("%d connections", n)
	}
}
