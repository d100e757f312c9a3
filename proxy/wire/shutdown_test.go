package wire

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Shutdown lets what is in flight finish, tells clients to come back on another
// connection, and refuses new ones.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		<-release
		_, _ = io.WriteString(conn, wiretest.OK)
	})
	p := startServer(t, a.Addr, nil)
	w := p.Dial().Send(wiretest.Get("/x"))
	eventually.Holds(t, "the app has the request", func() bool { return len(a.Seen()) == 1 })
	down := make(chan error, 1)
	go func() { down <- p.server.Shutdown(context.Background()) }()
	eventually.Holds(t, "new connections are refused", func() bool {
		conn, err := net.Dial("tcp", p.Addr)
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if !p.server.Draining() {
		t.Error("not draining")
	}
	select {
	case err := <-down:
		t.Fatalf("Shutdown did not wait: %v", err)
	default:
	}
	close(release)
	raw, failed := w.Rest()
	if failed || wiretest.Body(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// When its context ends, Shutdown cuts off what is left: waiting for the app, and
// in the middle of a body.
func TestShutdownCutsOffInTheEnd(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning"} {
		a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
			_, _ = a.Read(br)
			_, _ = io.WriteString(conn, answer)
			_, _ = io.Copy(io.Discard, br)
		})
		p := startServer(t, a.Addr, nil)
		w := p.Dial().Send(wiretest.Get("/x"))
		eventually.Holds(t, "the app has the request", func() bool { return len(a.Seen()) == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := p.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		if _, failed := w.Rest(); !failed {
			t.Error("the client's connection ended as if all was well")
		}
	}
}

// Under load not one request is cut off: each client is answered until it is told
// that the connection ends, or finds the listener closed.
func TestShutdownUnderLoad(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.AccessLog = false })
	var answered atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for {
				conn, err := net.Dial("tcp", p.Addr)
				if err != nil {
					return // refused: the server is going down
				}
				if !exchangeUntilClosed(t, conn, &answered) {
					return
				}
			}
		})
	}
	eventually.HoldsAfterWork(t, "load", answered.Load, func() bool { return answered.Load() > 500 })
	if err := p.server.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	all.Wait()
}

// exchangeUntilClosed sends requests until one is answered with Connection: close.
// A connection that the listener had queued, but nobody accepted, ends before it is
// used: that is a refusal. So does one that was idle for longer than it is kept: it was
// not where even the request before was sent less than that ago.
func exchangeUntilClosed(t *testing.T, conn net.Conn, answered *atomic.Int64) bool {
	defer conn.Close()
	conn = eventually.Unhurried(conn)
	br := bufio.NewReader(conn)
	var before, sent time.Time
	for {
		before, sent = sent, time.Now()
		_, err := io.WriteString(conn, wiretest.Get("/x"))
		raw := ""
		if err == nil {
			raw, err = wiretest.ReadMessage(br)
		}
		if err != nil {
			if took := time.Since(before); took < drainQuiet || raw != "" {
				t.Errorf("a request was cut off: %v after %q, %v after the one before", err, raw, took)
			}
			return false
		}
		answered.Add(1)
		if wiretest.Body(raw) != "ok" {
			t.Errorf("answer %q", raw)
		}
		if strings.Contains(raw, "Connection: close\r\n") {
			return true
		}
	}
}
