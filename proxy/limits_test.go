package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A head that comes a byte at a time has header_timeout in all, not from one byte
// to the next.
func TestHeaderTimeout(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.HeaderTimeout = 300 * time.Millisecond })
	used := p.dial()
	used.send(get("/x")).answer()
	for name, w := range map[string]*wire{"a new connection": p.dial(), "a used one": used} {
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
			raw, _ := w.rest()
			if raw != "" && !strings.HasPrefix(raw, "HTTP/1.1 408 ") {
				t.Errorf("answer %q", raw)
			}
		})
	}
	if len(a.seen()) != 1 {
		t.Errorf("the app was sent %q", a.seen())
	}
}

// A connection that sends nothing is closed without a word.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.HeaderTimeout = 50 * time.Millisecond })
	if raw, failed := p.dial().rest(); raw != "" || failed {
		t.Errorf("the client got %q, reset: %v", raw, failed)
	}
}

// A body that stops coming ends, and the app's request with it.
func TestStalledUpload(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) {
		cfg.Server.IdleTimeout, cfg.Server.HeaderTimeout = 100*time.Millisecond, time.Minute
	})
	for _, size := range []int{100, 1 << 20} {
		raw, _ := p.dial().send("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: " + itoa(size) + "\r\n\r\nabc").rest()
		if !strings.HasPrefix(raw, "HTTP/1.1 408 ") {
			t.Errorf("answer %q", raw)
		}
	}
}

// A client that takes nothing of its answer for idle_timeout has failed, and the
// app's work for it ends.
func TestClientThatTakesNothing(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		defer close(ended)
		_, _ = a.read(br)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		_, _ = io.CopyN(conn, &pattern{}, 1000000000)
	})
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.IdleTimeout = 200 * time.Millisecond })
	p.dial().send(get("/x"))
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Fatal("the app is still sending")
	}
	eventually(t, "the connection is gone", func() bool { return count(p.server.metrics.connections) == 0 })
}

// Beyond max_conns a connection is refused at once, and taken again when one of
// the others has ended.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Server.MaxConns = 2 })
	first, second := p.dial(), p.dial()
	first.send(get("/x")).answer()
	second.send(get("/x")).answer()
	raw, _ := p.dial().rest()
	if !strings.HasPrefix(raw, "HTTP/1.1 503 ") || bodyOf(raw) != `{"detail":"Too many connections."}` {
		t.Errorf("answer %q", raw)
	}
	if n := count(p.server.metrics.overLimit); n != 1 {
		t.Errorf("counted %d", n)
	}
	_ = first.Close()
	eventually(t, "a place is free", func() bool { return count(p.server.metrics.connections) == 1 })
	if raw := p.exchange(get("/x")); bodyOf(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
}

// An idle connection to the app holds no buffer.
func TestIdleConnectionsHoldNoBuffers(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Upstream.IdleTimeout = time.Minute })
	p.exchange(get("/x"))
	eventually(t, "the connection is idle without a buffer", func() bool {
		p.server.pool.mu.Lock()
		defer p.server.pool.mu.Unlock()
		return len(p.server.pool.idle) == 1 && p.server.pool.idle[0].br == nil
	})
}
