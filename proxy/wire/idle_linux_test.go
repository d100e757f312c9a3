package wire

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

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// The app closes idle connections, as gunicorn does after two seconds, and the proxy
// lets go of them sooner, as it is configured to. Ten thousand requests at random
// gaps: no client sees an error, POST included, and nothing is delivered twice. The
// times are a tenth of the real ones: gaps of up to 5 s, 2 s and 800 ms.
//
// Where the machine itself stood still for so long that the proxy's time and the
// app's became one, what the app found to have crossed its closing may have failed,
// as in the test below.
func TestIdleConnectionsThatTheAppCloses(t *testing.T) {
	t.Parallel()
	const clients, each = 500, 20
	const appIdle, proxyIdle = 200 * time.Millisecond, 80 * time.Millisecond
	raiseFileLimit(t, 4*clients+1000)
	idling := &idlingApp{t: t, idle: appIdle}
	a := wiretest.StartApp(t, idling.serve)
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = proxyIdle })
	standstill := watchStandstill()
	var failed sync.Map
	var all sync.WaitGroup
	for client, w := range dialAll(p, clients) {
		all.Go(func() {
			for i := range each {
				<-time.After(rand.N(500 * time.Millisecond))
				exchangeOn(t, w, fmt.Sprintf("/%d/%d", client, i), i%2 == 0, &failed)
			}
		})
	}
	all.Wait()
	a.Stop()
	longest := standstill()
	if longest < (appIdle-proxyIdle)/2 {
		failed.Range(func(target, raw any) bool { t.Errorf("%s failed: %q", target, raw); return true })
	}
	idling.checkFailed(&failed)
	idling.checkDeliveries(clients*each, &failed)
	t.Logf("%d connections, %d retries, a standstill of %v", a.Accepted(), count(p.server.metrics.retries), longest)
}

// watchStandstill returns what says for how long this process did not run at a time.
func watchStandstill() (longest func() time.Duration) {
	stop, result := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		const every = 5 * time.Millisecond
		tick := time.NewTicker(every)
		defer tick.Stop()
		last, most := time.Now(), time.Duration(0)
		for {
			select {
			case <-stop:
				result <- most
				return
			case <-tick.C:
				now := time.Now()
				most = max(most, now.Sub(last)-every)
				last = now
			}
		}
	}()
	return func() time.Duration { close(stop); return <-result }
}

// An app that closes connections while requests are on their way to it: what its
// machine has not received is sent again. What it has received, when the app closes
// without an answer, it may have read or not; nobody can know, so a POST must fail
// then. This app finds out for itself, and only what it found may have failed. A GET
// never does, and nothing is delivered twice.
func TestRequestsThatCrossTheAppsClosing(t *testing.T) {
	t.Parallel()
	const clients, rounds = 20, 100
	idling := &idlingApp{t: t, idle: 5 * time.Millisecond}
	a := wiretest.StartApp(t, idling.serve)
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = time.Minute })
	wires := dialAll(p, clients)
	var failed sync.Map
	for round := range rounds {
		<-time.After(4500*time.Microsecond + rand.N(time.Millisecond))
		exchangeOnAll(t, wires, round, &failed)
	}
	a.Stop()
	idling.checkFailed(&failed)
	idling.checkDeliveries(clients*rounds, &failed)
	t.Logf("%d connections, %d retries", a.Accepted(), count(p.server.metrics.retries))
}

// The same without luck: every connection that was idle is closed by the app after
// the proxy's last look at it, and each request is written to one. Not one fails.
func TestRequestsOnConnectionsClosedMeanwhile(t *testing.T) {
	t.Parallel()
	const clients, rounds = 20, 5
	idling := &idlingApp{t: t, idle: wiretest.Deadline} // it closes between the rounds only
	a := wiretest.StartApp(t, idling.serve)
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = time.Minute })
	wires := dialAll(p, clients)
	var failed sync.Map
	for round := range rounds {
		exchangeOnAll(t, wires, round, &failed)
		for _, conn := range a.Open() {
			_ = conn.Close()
		}
		eventually.Holds(t, "the app has closed every connection", func() bool {
			return len(a.Open()) == 0
		})
		p.server.pool.mu.Lock()
		for _, idle := range p.server.pool.idle {
			idle.look = func(uintptr) { idle.unasked = false }
		}
		p.server.pool.mu.Unlock()
	}
	failed.Range(func(target, raw any) bool { t.Errorf("%s failed: %q", target, raw); return true })
	idling.checkDeliveries(clients*rounds, &failed)
	if retries := count(p.server.metrics.retries); retries < clients {
		t.Errorf("only %d retries", retries)
	}
}

// exchangeOn sends a GET or a POST, and takes note where the answer is not the
// app's.
func exchangeOn(t *testing.T, w *wiretest.Client, target string, isPost bool, failed *sync.Map) {
	request := wiretest.Get(target)
	if isPost {
		request = post(target, "body")
	}
	_ = w.SetDeadline(time.Now().Add(wiretest.Deadline))
	if _, err := io.WriteString(w.TCPConn, request); err != nil {
		t.Errorf("%s: %v", target, err)
	}
	raw, err := wiretest.ReadMessage(w.Br)
	if err != nil {
		t.Errorf("%s: %v", target, err)
	}
	if wiretest.Body(raw) != "ok" {
		failed.Store(target, raw)
	}
}

func dialAll(p *testServer, n int) (wires []*wiretest.Client) {
	for range n {
		wires = append(wires, p.Dial())
	}
	return wires
}

// exchangeOnAll sends a request by each of the connections at once, every other one
// a POST.
func exchangeOnAll(t *testing.T, wires []*wiretest.Client, round int, failed *sync.Map) {
	var all sync.WaitGroup
	for client, w := range wires {
		all.Go(func() { exchangeOn(t, w, fmt.Sprintf("/%d/%d", client, round), client%2 == 0, failed) })
	}
	all.Wait()
}

// idlingApp closes connections that were idle for a while, and counts what is
// delivered to it.
type idlingApp struct {
	t         *testing.T
	idle      time.Duration
	delivered sync.Map // *atomic.Int32 by target
	crossed   sync.Map // bool by target: a POST; received just before the connection was closed
}

func (a *idlingApp) serve(_ *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
	// A connection that was never used is no idle one: the proxy takes its end for a death
	// of the request, and a busy machine may be long about the first.
	for idle := wiretest.Deadline; a.await(conn, br, idle); idle = a.idle {
		raw, err := wiretest.ReadMessage(br)
		if err != nil {
			a.t.Errorf("the app read %q, %v", raw, err)
			return
		}
		n, _ := a.delivered.LoadOrStore(strings.Split(raw, " ")[1], new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
		if _, err := io.WriteString(conn, wiretest.OK); err != nil {
			return
		}
	}
}

// await waits for a request and closes the connection when none comes in the time idle.
func (a *idlingApp) await(conn *net.TCPConn, br *bufio.Reader, idle time.Duration) bool {
	for {
		_ = conn.SetReadDeadline(time.Now().Add(idle))
		_, err := br.Peek(1)
		if err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(wiretest.Deadline))
			return true
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || a.closeIdle(conn) {
			return false
		}
	}
}

// closeIdle closes the connection unless a request has come by now. One that comes
// between looking and closing is received, but not read; it is taken note of.
func (a *idlingApp) closeIdle(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	_ = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err != nil || n > 0 {
			return
		}
		_ = unix.Shutdown(int(fd), unix.SHUT_RDWR)
		closed = true
		unread := make([]byte, 4096)
		if n, _, err := unix.Recvfrom(int(fd), unread, unix.MSG_DONTWAIT); err == nil && n > 0 {
			method, rest, _ := strings.Cut(string(unread[:n]), " ")
			target, _, _ := strings.Cut(rest, " ")
			a.crossed.Store(target, method == "POST")
		}
	})
	return closed
}

// checkFailed finds that nothing failed but each POST that the app did not read.
func (a *idlingApp) checkFailed(failed *sync.Map) {
	failed.Range(func(target, raw any) bool {
		if isPost, known := a.crossed.Load(target); !known || !isPost.(bool) {
			a.t.Errorf("%s failed: %q", target, raw)
		}
		return true
	})
}

// checkDeliveries finds each of the requests delivered once, but for those that
// failed: they never were.
func (a *idlingApp) checkDeliveries(requests int, failed *sync.Map) {
	n := 0
	a.delivered.Range(func(target, times any) bool {
		n++
		if times := times.(*atomic.Int32).Load(); times != 1 {
			a.t.Errorf("%s was delivered %d times", target, times)
		}
		if _, known := failed.Load(target); known {
			a.t.Errorf("%s was delivered, and failed", target)
		}
		return true
	})
	failed.Range(func(any, any) bool { n++; return true })
	if n != requests {
		a.t.Errorf("%d requests were delivered or failed, want %d", n, requests)
	}
}
