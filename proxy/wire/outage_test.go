package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// restarts is how often each of two apps restarts: a few times, or THUMBEDGE_RESTARTS (the
// promise is of 20 in all: 10 take half a minute).
func restarts() int {
	if n, err := strconv.Atoi(os.Getenv("THUMBEDGE_RESTARTS")); err == nil {
		return n
	}
	return 3
}

// The app restarts again and again under load: every page is answered as if it had not,
// and nothing that must not be is delivered twice.
func TestRestartsLoseNoRequest(t *testing.T) {
	t.Parallel()
	for _, bind := range []string{"tcp", "unix"} {
		t.Run(bind, func(t *testing.T) {
			t.Parallel()
			django := testenv.DjangoConfig{Workers: testenv.SyncWorkers, Processes: 2}
			cfg := Defaults()
			cfg.Upstream.RestartGrace = time.Minute
			if bind == "unix" {
				socket := filepath.Join(t.TempDir(), "gunicorn.sock")
				django.Args, cfg.Upstream.URL = []string{"--bind", "unix:" + socket}, "unix:"+socket
			}
			app := testenv.Django(t, django)
			if bind == "tcp" {
				cfg.Upstream.URL = "http://" + app.Address
			}
			p := serveOn(t, cfg)
			var load sync.WaitGroup
			var answered, lost atomic.Int64
			var rounds [4]atomic.Int64
			end := make(chan struct{})
			for i := range rounds {
				load.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-end:
							return
						default:
						}
						if raw := p.Exchange(wiretest.Get("/download/1000/")); strings.HasPrefix(raw, "HTTP/1.1 200 ") && len(wiretest.Body(raw)) == 1000 {
							answered.Add(1)
						} else if lost.Add(1) == 1 {
							t.Errorf("a page got %.300q", raw)
						}
						delivery := fmt.Sprintf("%s-%d-%d", bind, i, n)
						p.Exchange("POST /upload HTTP/1.1\r\nHost: s\r\nX-Delivery: " + delivery + "\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
						if begun, _ := app.Delivered(delivery); begun > 1 {
							t.Errorf("%s was delivered %d times", delivery, begun)
						}
						rounds[i].Add(1)
					}
				})
			}
			for range restarts() {
				if err := app.Restart(django); err != nil {
					t.Error(err)
					break
				}
				// A request is given to one more app, not to a third: nobody has waited since.
				for i := range rounds {
					before := rounds[i].Load()
					eventually.Holds(t, "everybody is answered again", func() bool { return rounds[i].Load() > before+1 })
				}
			}
			close(end)
			load.Wait()
			t.Logf("%d pages, %d lost; %d requests waited", answered.Load(), lost.Load(), count(p.server.metrics.restartWaits))
			if lost.Load() > 0 || count(p.server.metrics.restartWaits) == 0 {
				t.Errorf("%d of %d pages were lost over %d restarts", lost.Load(), answered.Load(), restarts())
			}
		})
	}
}

// While nothing listens for the app, a request of any method waits for it, and is sent once.
func TestRequestsWaitForAnAppThatIsAway(t *testing.T) {
	t.Parallel()
	addr := testenv.FreeAddress(t)
	p := startServer(t, addr, func(cfg *Config) { cfg.Upstream.RestartGrace = time.Minute })
	var waiting []*wiretest.Client
	for i := range 5 {
		waiting = append(waiting, p.Dial().Send(post(fmt.Sprintf("/%d", i), "x")))
	}
	gone := p.Dial().Send(wiretest.Get("/gone"))
	eventually.Holds(t, "all of them wait", func() bool { return count(p.server.metrics.restartWaits) == 6 })
	gone.Close()
	eventually.Holds(t, "who left waits no longer", func() bool { return count(p.server.metrics.clientsGone) == 1 })
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	a := wiretest.StartAppOn(t, ln, wiretest.Answering(wiretest.OK))
	for _, w := range waiting {
		if raw := w.Answer(); wiretest.Body(raw) != "ok" {
			t.Errorf("answer %q", raw)
		}
	}
	if n := len(a.Seen()); n != 5 {
		t.Errorf("the app got %d requests", n)
	}
}

// When the grace is over the answer is what it is without one. A shutdown ends the wait.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	p := startServer(t, nobody, func(cfg *Config) { cfg.Upstream.RestartGrace = 2 * outageTick })
	if raw := p.Exchange(wiretest.Get("/x")); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
		t.Errorf("answer %q", raw)
	}
	p = startServer(t, nobody, func(cfg *Config) { cfg.Upstream.RestartGrace = time.Hour })
	p.Dial().Send(wiretest.Get("/x"))
	eventually.Holds(t, "it waits", func() bool { return count(p.server.metrics.restartWaits) == 1 })
	// The test's end shuts the server down, and would wait for an hour.
}

// What an app died of, listener and all, is given to one more app, and to no third. A
// worker's death is none of the app's: its request is not sent again.
func TestDeadlyRequestIsGivenToOneMoreApp(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{true, false} {
		var mu sync.Mutex
		deaths := 0
		ln := wiretest.Listen(t)
		addr := ln.Addr().String()
		dies := func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
			if raw, err := a.Read(br); err != nil || !strings.Contains(raw, "/deadly") {
				_, _ = io.WriteString(conn, wiretest.OK)
				return
			}
			mu.Lock()
			deaths++
			mu.Unlock()
			if whole {
				a.Refuse()
			}
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
		a := wiretest.StartAppOn(t, ln, dies)
		p := startServer(t, addr, func(cfg *Config) { cfg.Upstream.RestartGrace = time.Minute })
		w := p.Dial().Send(wiretest.Get("/deadly"))
		want := 1
		if whole {
			want = 2
			eventually.Holds(t, "it waits for the next app", func() bool { return count(p.server.metrics.restartWaits) == 1 })
			a.Stop()
			ln, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			wiretest.StartAppOn(t, ln, dies)
		}
		if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
			t.Errorf("answer %q", raw)
		}
		mu.Lock()
		if deaths != want {
			t.Errorf("whole app: %v: %d died, want %d", whole, deaths, want)
		}
		mu.Unlock()
	}
}
