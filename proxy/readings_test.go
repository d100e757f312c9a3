package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// reading is a way to write a request, and who reads it as one for capture 1's thumbnail.
type reading struct {
	line       string // method and target
	more       string
	wsgi, asgi bool   // the app does, where it gets it as it is
	answer     string // here, while no place at the app is free
}

const upgrade = "Connection: Upgrade\r\nUpgrade: x\r\n"

var readings = []reading{
	{"GET /api/v2/captures/thumbnails/1/", "", true, true, "302"},
	{"GET /api/v2/captures/thumbnails/%31/", "", true, true, "302"},
	{"GET /api/v2/captures%2fthumbnails/1%2F", "", true, true, "302"},
	{"GET /%61pi/v2/captures/thumbnails/1/", "", true, true, "302"},
	{"GET http://site.test/api/v2/captures/thumbnails/1/", "", true, false, "302"},
	{"get /api/v2/captures/thumbnails/1/", "", true, true, "501"},
	{"gEt /api/v2/captures/thumbnails/1/", "", true, true, "501"},
	{"GET /api/v2/captures/thumbnails/1/#", "", true, false, "400"},
	{"GET /api/v2/captures/thumbnails/1/#?x", "", true, false, "400"},
	{"GET /api/v2/captures/thumbnails/1/?#x", "", true, true, "400"},
	{"GET /api/v2/captures/thumbnails/1/\t", "", true, false, "400"},
	{"GET \f/api/v2/captures/thumbnails/1/", "", true, false, "400"},
	{"GET x:/api/v2/captures/thumbnails/1/", "", true, false, "400"},
	{"GET x://y/api/v2/captures/thumbnails/1/", "", true, false, "400"},
	{"GET /api/v2/captures/thumbnails/1/", upgrade, true, false, "503"},
	{"POST /api/v2/captures/thumbnails/1/", "", true, true, "503"},
	{"GET /api/v2/captures/thumbnails/1/?label=unknown", "", true, true, "503"},
	{"GET /api/v2/captures/thumbnails/%2531/", "", false, false, "404"},
	{"GET /api/v2/captures/thumbnails/1;x/", "", false, false, "404"},
	{"GET //api/v2/captures/thumbnails/1/", "", false, false, "503"},
	{"GET /api//v2/captures/thumbnails/1/", "", false, false, "503"},
	{"GET /api/v2/captures/thumbnails//1/", "", false, false, "503"},
	{"GET /api/v2/captures/thumbnails/1//", "", false, false, "503"},
	{"GET /./api/v2/captures/thumbnails/1/", "", false, false, "503"},
	{"GET /api/v2/captures/x/../thumbnails/1/", "", false, false, "503"},
	{"GET /api/v2/captures/x/%2e%2e/thumbnails/1/", "", false, false, "503"},
	{"GET /api/v2/captures/x/%252e%252e/thumbnails/1/", "", false, false, "503"},
	{"GET /api;x/v2/captures/thumbnails/1/", "", false, false, "503"},
	{`GET /api/v2/captures\thumbnails/1/`, "", false, false, "503"},
	{"GET /api/v2/captures/thumbnails/1/%23", "", false, false, "503"},
}

func (r reading) request() string {
	return r.line + " HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n" + r.more + "\r\n"
}

// Whatever the app reads as a request for a thumbnail is answered here, refused, or
// waits for one of max_fallbacks places at the app. The app is the real one, in each of
// the ways in which sites run it.
func TestReadingsOfTheThumbnailRoute(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			app := testenv.Django(t, testenv.DjangoConfig{Workers: workers})
			p := startProxy(t, app.Address, func(cfg *Config, deps *Deps) {
				cfg.Upstream.MaxFallbacks = 1
				deps.Resolver, deps.Renderer = scripted(), &scriptedRenderer{}
			})
			for _, r := range readings {
				want := r.wsgi
				if workers == testenv.ASGIWorkers {
					want = r.asgi
				}
				_, body := testenv.Send(t, app.Address, r.request())
				var direct testenv.Arrival
				_ = json.Unmarshal([]byte(body), &direct) // not where the app refuses it
				if (direct.Route == "thumbnail") != want {
					t.Errorf("the app itself reads %q as %q: this table says otherwise", r.line, direct.Route)
				}
				var leave func()
				eventually.Holds(t, "the one before has left the place", func() (free bool) {
					var err error
					leave, err = p.server.lasting.fallbacks.enter(fallbackOther, 0, nil)
					return err == nil
				})
				raw := p.Exchange(r.request())
				leave()
				if statusOf(raw) != r.answer {
					t.Errorf("%q, with no place free: %.300s, want %s", r.line, raw, r.answer)
				}
				if r.answer != "503" || r.more != "" && !want {
					continue
				}
				var passed testenv.Arrival
				_, body = testenv.Send(t, p.Addr, r.request())
				if err := json.Unmarshal([]byte(body), &passed); err != nil || (passed.Route == "thumbnail") != want {
					t.Errorf("%q, with a place free: %v, %.300s", r.line, err, body)
				}
			}
		})
	}
}

// However many such requests come, no more than max_fallbacks are at the app at once.
func TestOddFormsAreBounded(t *testing.T) {
	t.Parallel()
	const clients, most = 12, 3
	var at atomic.Int64
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.Read(br); err != nil {
			return
		}
		at.Add(1)
		<-release
		_, _ = conn.Write([]byte(wiretest.OK))
	})
	resolver := scripted()
	resolver.err = fmt.Errorf("reading: %w", thumb.ErrDatabase)
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Upstream.MaxFallbacks = most
		deps.Resolver, deps.Renderer = resolver, &scriptedRenderer{}
	})
	var all sync.WaitGroup
	var refused atomic.Int64
	for i := range clients {
		w := p.Dial()
		all.Go(func() {
			switch i % 4 {
			case 0:
				w.Send("GET /api/v2/captures/thumbnails/9/ HTTP/1.1\r\nHost: a\r\n" + upgrade + "\r\n")
			case 1:
				w.Send("POST /api/v2/captures/thumbnails/9/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
			case 2:
				w.Send(wiretest.Get("/api/v2//captures/thumbnails/9/"))
			default:
				w.Send(wiretest.Get("/api/v2/captures/thumbnails/9/")) // the database is down
			}
			if raw, err := wiretest.ReadMessage(w.Br); err == nil && statusOf(raw) == "503" {
				refused.Add(1)
			}
		})
	}
	eventually.Holds(t, "the others are refused", func() bool { return at.Load() == most && refused.Load() == clients-most })
	free()
	all.Wait()
	if at.Load() != most {
		t.Errorf("%d were at the app, want %d", at.Load(), most)
	}
}
