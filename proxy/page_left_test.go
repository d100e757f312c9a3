package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A client that leaves while its large page waits for a turn leaves nothing behind: neither
// its place in the line, nor what the page held of rewrite.memory, nor the one connection to
// the app, by which the next client is answered.
func TestClientLeavesWhileItsLargePageWaits(t *testing.T) {
	t.Parallel()
	small := thumbnailsOf(1)
	large := `{"pad":"` + strings.Repeat("x", 2*largePage) + `",` + small[1:]
	p, _ := startPages(t, warmCaptures(), func(cfg *Config, deps *Deps) {
		uncached(cfg, deps)
		cfg.Upstream.MaxConns, cfg.Upstream.MaxFallbacks = 1, 1
		cfg.Upstream.ConnectTimeout = time.Minute // that the next client waits for it
	}, func(request string) string {
		if strings.Contains(request, "large") {
			return jsonAnswer(large)
		}
		return jsonAnswer(small)
	})
	turns, memory := p.server.lasting.turns, p.server.lasting.memory
	turns.mu.Lock()
	turns.free, turns.patience = 0, time.Hour // somebody else has them all
	turns.mu.Unlock()
	waiting := func() int {
		turns.mu.Lock()
		defer turns.mu.Unlock()
		return turns.waiting
	}
	leaver := p.Dial().Send(wiretest.Get("/api/v2/captures/large"))
	eventually.Holds(t, "the large page waits", func() bool { return waiting() == 1 && count(p.metrics.pages.waiting) == 1 })
	if used := memory.used.Load(); used < int64(len(large)) {
		t.Errorf("while it waits %d bytes are charged, the page has %d", used, len(large))
	}
	_ = leaver.Close()
	if body := wiretest.Body(p.Dial().Send(wiretest.Get("/api/v2/captures/small")).Answer()); !strings.Contains(body, storageURL(1, "small")) {
		t.Errorf("the next client gets %q", body)
	}
	eventually.Holds(t, "nobody waits", func() bool { return waiting() == 0 && count(p.metrics.pages.waiting) == 0 })
	eventually.Holds(t, "all but the buffers for the next large page is given back", func() bool {
		p.server.lasting.jobs.dropLarge()
		return memory.used.Load() == 0
	})
	turns.leave() // nobody is there to have it
	if turns.free != 1 || len(turns.lines) != 0 || turns.clients.Len() != 0 {
		t.Errorf("%d turns are free, %d clients have a line", turns.free, len(turns.lines))
	}
	if body := wiretest.Body(p.Dial().Send(wiretest.Get("/api/v2/captures/large")).Answer()); !strings.Contains(body, storageURL(1, "small")) {
		t.Error("the next large page is not rewritten")
	}
}
