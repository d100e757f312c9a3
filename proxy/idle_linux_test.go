package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The app closes idle connections, as gunicorn does after two seconds: whatever the
// gaps between requests are, no client sees an error, and nothing is delivered
// twice. In the first case the proxy lets go sooner, as it is configured to (the
// times are a tenth of the real ones). In the second it keeps connections until the
// app closes them, so that requests and closing cross each other: a POST that the
// app may have read when it closed fails then, for nobody can know; a GET never
// does, and nothing is delivered twice.
func TestIdleConnectionsThatTheAppCloses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		app, proxy, gap time.Duration
		crossing        bool
	}{
		"as configured": {200 * time.Millisecond, 80 * time.Millisecond, 500 * time.Millisecond, false},
		"crossing":      {5 * time.Millisecond, time.Minute, 10 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const clients, each = 50, 20
			idling := &idlingApp{t: t, idle: c.app}
			a := startApp(t, idling.serve)
			p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Upstream.IdleTimeout = c.proxy })
			var failed atomic.Int32
			var all sync.WaitGroup
			for client := range clients {
				w := p.dial()
				all.Go(func() {
					for i := range each {
						gap := time.NewTimer(rand.N(c.gap))
						<-gap.C
						if raw := exchangeOn(t, w, client, i); bodyOf(raw) != "ok" {
							failed.Add(1)
							if isPost := i%2 == 0; !c.crossing || !isPost {
								t.Errorf("%d/%d: %q", client, i, raw)
							}
						}
					}
				})
			}
			all.Wait()
			if failed.Load() > clients*each/20 {
				t.Errorf("%d of %d requests failed", failed.Load(), clients*each)
			}
			idling.checkDeliveries(clients*each-int(failed.Load()), clients*each)
			t.Logf("%d connections, %d retries", a.connections(), count(p.server.metrics.retries))
		})
	}
}

// exchangeOn sends every other request as a POST, each to a target of its own.
func exchangeOn(t *testing.T, w *wire, client, i int) string {
	target := fmt.Sprintf("/%d/%d", client, i)
	request := get(target)
	if i%2 == 0 {
		request = post(target, "body")
	}
	_ = w.SetDeadline(time.Now().Add(deadline))
	if _, err := io.WriteString(w.TCPConn, request); err != nil {
		t.Errorf("%s: %v", target, err)
	}
	raw, err := readMessage(w.br)
	if err != nil {
		t.Errorf("%s: %v", target, err)
	}
	return raw
}

// idlingApp closes connections that were idle for a while, and counts what is
// delivered to it.
type idlingApp struct {
	t         *testing.T
	idle      time.Duration
	delivered sync.Map // *atomic.Int32 by target
}

func (a *idlingApp) serve(_ *app, conn *net.TCPConn, br *bufio.Reader) {
	for a.await(conn, br) {
		raw, err := readMessage(br)
		if err != nil {
			a.t.Errorf("the app read %q, %v", raw, err)
			return
		}
		n, _ := a.delivered.LoadOrStore(strings.Split(raw, " ")[1], new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
		if _, err := io.WriteString(conn, okAnswer); err != nil {
			return
		}
	}
}

// await waits for a request and closes the connection when none comes. It does so
// in one go with looking once more: an app that closes on a request it has received
// leaves nobody able to know what it had read.
func (a *idlingApp) await(conn *net.TCPConn, br *bufio.Reader) bool {
	for {
		_ = conn.SetReadDeadline(time.Now().Add(a.idle))
		_, err := br.Peek(1)
		if err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(deadline))
			return true
		}
		raw, rawErr := conn.SyscallConn()
		if rawErr != nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		closed := false
		_ = raw.Control(func(fd uintptr) {
			if n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err != nil || n > 0 {
				return
			}
			_ = unix.Shutdown(int(fd), unix.SHUT_RDWR)
			closed = true
		})
		if closed {
			return false
		}
	}
}

func (a *idlingApp) checkDeliveries(least, most int) {
	n := 0
	a.delivered.Range(func(target, times any) bool {
		n++
		if times := times.(*atomic.Int32).Load(); times != 1 {
			a.t.Errorf("%s was delivered %d times", target, times)
		}
		return true
	})
	if n < least || n > most {
		a.t.Errorf("%d requests were delivered, want %d to %d", n, least, most)
	}
}
