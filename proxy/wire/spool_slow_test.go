package wire

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

const slowClients = 200 // uploads that stall, and as many downloads that nobody reads

// Clients that stall in the middle of an upload, and others that read nothing of a
// large answer, keep no thread of the app: all its pages are there for others.
func TestSlowClientsLeaveTheAppAlone(t *testing.T) {
	const size = 30_000_000
	raiseFileLimit(t, 4000)
	app := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers, Threads: 8})
	p := startServer(t, app.Address, func(cfg *Config) { cfg.Server.BodyTimeout = time.Hour }) // they read nothing to the end
	for i := range slowClients {
		form := fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
		if i%2 == 0 {
			form = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size)
		}
		p.Dial().Send("POST /stalled HTTP/1.1\r\nHost: site.test\r\nX-Delivery: stalled\r\n" + form + strings.Repeat("x", 10_000))
	}
	for range slowClients {
		w := p.Dial()
		_ = w.SetReadBuffer(4 << 10)
		w.Send("GET /download/" + itoa(size) + "/ HTTP/1.1\r\nHost: site.test\r\nX-Delivery: unread\r\n\r\n")
	}
	given := func() int64 { _, n := app.Delivered("unread"); return int64(n) }
	var pages atomic.Int64
	go func() {
		for range 50 {
			response, err := http.Get("http://" + p.Addr + "/page") // as long as it takes: the downloads have the app's threads
			if err != nil {
				t.Errorf("a page meanwhile: %v", err)
				return
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("a page meanwhile is %s", response.Status)
			}
			pages.Add(1)
		}
	}()
	eventually.HoldsAfterWork(t, "pages are answered meanwhile", func() int64 { return given() + pages.Load() }, func() bool { return pages.Load() == 50 })
	eventually.HoldsAfterWork(t, "the app has given every download", given, func() bool { return given() == slowClients })
	for range 50 {
		p.arrived(wiretest.Get("/page"))
	}
	if begun, _ := app.Delivered("stalled"); begun != 0 {
		t.Errorf("the app has heard of %d stalled uploads", begun)
	}
	if n := len(p.server.pool.slots); n != 0 {
		t.Errorf("%d connections to the app are in use", n)
	}
	if used := p.server.spool.Memory(); used > p.server.settings.Load().Upstream.SpoolMemory {
		t.Errorf("%d bytes of memory are used", used)
	}
}
