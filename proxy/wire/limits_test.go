package wire

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A head that comes a byte at a time has header_timeout in all, not from one byte
// to the next.
func TestHeaderTimeout(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.HeaderTimeout = 300 * time.Millisecond })
	var used *wiretest.Client
	eventually.Holds(t, "a connection is used", func() bool { // its first head may have come too late
		used = p.Dial()
		_, _ = io.WriteString(used.TCPConn, wiretest.Get("/x"))
		raw, err := wiretest.ReadMessage(used.Br)
		return err == nil && wiretest.Body(raw) == "ok"
	})
	seen := len(a.Seen())
	for name, w := range map[string]*wiretest.Client{"a new connection": p.Dial(), "a used one": used} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				drip := time.NewTicker(20 * time.Millisecond)
				defer drip.Stop()
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					case <-drip.C:
						_, _ = io.WriteString(w.TCPConn, "GET /slow HTTP/1.1\r\nHost: site.test\r\nX-A: "[min(i, 38):min(i, 38)+1])
					}
				}
			}()
			raw, _ := w.Rest()
			if raw != "" && !strings.HasPrefix(raw, "HTTP/1.1 408 ") {
				t.Errorf("answer %q", raw)
			}
		})
	}
	if len(a.Seen()) != seen {
		t.Errorf("the app was sent %q", a.Seen())
	}
}

// A connection that sends nothing is closed without a word.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.HeaderTimeout = 50 * time.Millisecond })
	if raw, failed := p.Dial().Rest(); raw != "" || failed {
		t.Errorf("the client got %q, reset: %v", raw, failed)
	}
}

// A body that stops coming ends, and the app's request with it.
func TestStalledUpload(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) {
		cfg.Server.BodyTimeout, cfg.Server.HeaderTimeout = 100*time.Millisecond, time.Minute
	})
	for _, size := range []int{100, 1 << 20} {
		raw, _ := p.Dial().Send("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: " + itoa(size) + "\r\n\r\nabc").Rest()
		if !strings.HasPrefix(raw, "HTTP/1.1 408 ") {
			t.Errorf("answer %q", raw)
		}
	}
}

// A client that takes nothing of its answer for body_timeout has failed, and the
// app's work for it ends.
func TestClientThatTakesNothing(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		defer close(ended)
		_, _ = a.Read(br)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		_, _ = io.CopyN(conn, &pattern{}, 1000000000)
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.BodyTimeout = 200 * time.Millisecond })
	p.Dial().Send(wiretest.Get("/x"))
	select {
	case <-ended:
	case <-time.After(wiretest.Deadline):
		t.Fatal("the app is still sending")
	}
	eventually.Holds(t, "the connection is gone", func() bool { return count(p.server.metrics.connections) == 0 })
}

// Beyond max_conns a connection is refused at once, and taken again when one of
// the others has ended.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.MaxConns = 2 })
	first, second := p.Dial(), p.Dial()
	first.Send(wiretest.Get("/x")).Answer()
	second.Send(wiretest.Get("/x")).Answer()
	raw, _ := p.Dial().Rest()
	if !strings.HasPrefix(raw, "HTTP/1.1 503 ") || wiretest.Body(raw) != `{"detail":"Too many connections."}` {
		t.Errorf("answer %q", raw)
	}
	if n := count(p.server.metrics.overLimit); n != 1 {
		t.Errorf("counted %d", n)
	}
	_ = first.Close()
	eventually.Holds(t, "a place is free", func() bool { return count(p.server.metrics.connections) == 1 })
	if raw := p.Exchange(wiretest.Get("/x")); wiretest.Body(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
}

// An idle connection to the app holds no buffer.
func TestIdleConnectionsHoldNoBuffers(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = time.Minute })
	p.Exchange(wiretest.Get("/x"))
	eventually.Holds(t, "the connection is idle without a buffer", func() bool {
		p.server.pool.mu.Lock()
		defer p.server.pool.mu.Unlock()
		return len(p.server.pool.idle) == 1 && p.server.pool.idle[0].br == nil
	})
}

// A client that speaks TLS to this port is gone at once, and the log says why, once.
func TestTLSHello(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.HeaderTimeout = time.Hour })
	for range 3 {
		conn := tls.Client(p.Dial(), &tls.Config{ServerName: "site.test"})
		if err := conn.Handshake(); err == nil {
			t.Error("the handshake succeeded")
		}
	}
	if n := strings.Count(p.log.String(), "speaks TLS"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if n := count(p.server.metrics.rejected[rejectTLS]); n != 3 {
		t.Errorf("counted %d", n)
	}
}
