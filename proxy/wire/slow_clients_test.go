package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// crowdSize is how many slow clients there are.
const crowdSize = 5000

// crowd are connections of slow clients. Each was answered once.
type crowd struct {
	t     *testing.T
	conns []net.Conn
}

// gather connects a crowd to p.
func gather(t *testing.T, p *testServer) *crowd {
	t.Helper()
	raiseFileLimit(t, 2*crowdSize+1000) // both ends are in this process
	c := &crowd{t: t, conns: make([]net.Conn, crowdSize)}
	next := make(chan int)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for i := range next {
				conn, err := net.Dial("tcp", p.Addr)
				if err != nil {
					t.Errorf("connecting: %v", err)
					continue
				}
				c.conns[i] = conn
				_ = conn.SetDeadline(time.Now().Add(wiretest.Deadline))
				_, err = io.WriteString(conn, wiretest.Get("/first"))
				raw, readErr := wiretest.ReadMessage(bufio.NewReaderSize(conn, 256))
				if err != nil || readErr != nil || wiretest.Body(raw) != "ok" {
					t.Errorf("first answer %q, %v, %v", raw, err, readErr)
				}
			}
		})
	}
	for i := range c.conns {
		next <- i
	}
	close(next)
	all.Wait()
	t.Cleanup(func() {
		for _, conn := range c.conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return c
}

// half is one of the crowd's two halves.
func (c *crowd) half(n int) *crowd {
	return &crowd{c.t, c.conns[n*crowdSize/2 : (n+1)*crowdSize/2]}
}

// send sends the same on every connection. Those that have ended do not count.
func (c *crowd) send(text string) {
	for _, conn := range c.conns {
		_, _ = io.WriteString(conn, text)
	}
}

// checkEnded reads every connection to its end. What a client sends after its
// answer may reset the connection and take the answer with it.
func (c *crowd) checkEnded() {
	c.t.Helper()
	for _, conn := range c.conns {
		_ = conn.SetDeadline(time.Now().Add(wiretest.Deadline))
		data, err := io.ReadAll(conn)
		if network, ok := err.(net.Error); ok && network.Timeout() {
			c.t.Fatal("a connection did not end")
		}
		if got := string(data); got != "" && !strings.HasPrefix(got, "HTTP/1.1 408 ") {
			c.t.Fatalf("a slow client got %q", got)
		}
	}
}

// raiseFileLimit lets this process have that many files open.
func raiseFileLimit(t *testing.T, files uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= files {
		return
	}
	limit.Cur, limit.Max = files, max(limit.Max, files)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("this test needs %d open files (ulimit -n %d): %v", files, files, err)
	}
}

// servedBeside lets another client be served beside the crowd, and finds that the
// two of them are all that max_conns allows; unless the machine was so slow that the
// crowd's time may have come by then.
func servedBeside(t *testing.T, p *testServer, until time.Time) {
	t.Helper()
	w := p.Dial()
	defer w.Close()
	for range 50 {
		if raw := w.Send(wiretest.Get("/beside")).Answer(); wiretest.Body(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	open := count(p.server.metrics.connections)
	refused, _ := p.Dial().Rest()
	if time.Now().After(until) {
		t.Logf("too slow to see more than %d connections open", open)
		return
	}
	if open != crowdSize+1 {
		t.Errorf("%d connections are open meanwhile", open)
	}
	if !strings.HasPrefix(refused, "HTTP/1.1 503 ") {
		t.Errorf("beyond max_conns a client got %q", refused)
	}
}

// Five thousand connections that send a byte now and then, half of them in the head
// of a request and half in a body, keep nobody from being served and are bounded by
// max_conns. The heads end with header_timeout, bytes or no bytes; the bodies last as
// long as bytes come within idle_timeout, and hold no connection to the app. Nothing
// of them all reaches it. The times are to each other as a byte every 5 s is to the
// default of 10 s.
func TestSlowClientsAtScale(t *testing.T) {
	const headerTimeout = 4 * time.Second
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) {
		cfg.Server.HeaderTimeout, cfg.Server.MaxConns = headerTimeout, crowdSize+1
		cfg.AccessLog = false
	})
	c := gather(t, p)
	heads, bodies := c.half(0), c.half(1)
	bodies.send("POST /slow HTTP/1.1\r\nHost: site.test\r\nContent-Length: 100\r\n\r\n")
	first := time.Now()
	heads.send("G")
	servedBeside(t, p, first.Add(headerTimeout))
	drop := time.NewTicker(headerTimeout / 2)
	defer drop.Stop()
	eventually.Holds(t, "the slow heads have ended", func() bool {
		select {
		case <-drop.C:
			c.send("x")
		default:
		}
		return count(p.server.metrics.rejected[rejectTimeout]) == crowdSize/2
	})
	heads.checkEnded()
	eventually.Holds(t, "the slow bodies alone are left", func() bool { return count(p.server.metrics.connections) == crowdSize/2 })
	if n := len(p.server.pool.slots); n != 0 {
		t.Errorf("%d connections to the app are in use", n)
	}
	if raw := p.Exchange(wiretest.Get("/after")); wiretest.Body(raw) != "ok" {
		t.Errorf("afterwards %q", raw)
	}
	checkTargets(t, a, map[string]int{"/first": crowdSize, "/beside": 50, "/after": 1})
}

// checkTargets counts what reached the app.
func checkTargets(t *testing.T, a *wiretest.App, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, request := range a.Seen() {
		got[strings.Split(request, " ")[1]]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the app was sent %v, want %v", got, want)
	}
}
