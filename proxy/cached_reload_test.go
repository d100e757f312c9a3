package proxy

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/responses"
)

// A configuration that keeps pages otherwise, or less of them, is in force at once: also for
// what is kept, and for a page that the app was asked for before.
func TestWhatIsKeptFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	var connected, holds atomic.Bool
	connected.Store(true)
	asked, answer := make(chan struct{}), make(chan struct{})
	p, a := startPages(t, warmCaptures(), anonymously(&connected), func(string) string {
		if holds.Load() {
			asked <- struct{}{}
			<-answer
		}
		return jsonAnswer(thumbnailsOf(1))
	})
	get := func() { p.Exchange(ask(pageTarget)) }
	expect := func(what string, n int) {
		t.Helper()
		if seen := len(a.Seen()); seen != n {
			t.Errorf("%s: the app was asked %d times, want %d", what, seen, n)
		}
	}
	cfg := responses.Defaults()
	cfg.AnonymousPages, cfg.AnonymousHeaders = time.Minute, []string{"X-Allowed"}
	change := func(edit func(*responses.Config)) {
		edit(&cfg)
		p.server.lasting.cache.Change(cfg)
	}

	get()
	change(func(*responses.Config) {})
	get()
	expect("nothing has changed", 1)

	change(func(c *responses.Config) { c.AnonymousPages = 0 })
	get()
	get()
	expect("such pages are kept no more", 3)

	change(func(c *responses.Config) { c.AnonymousPages = time.Minute })
	holds.Store(true)
	done := make(chan struct{})
	go func() { defer close(done); get() }()
	select {
	case <-asked:
	case <-done:
		t.Fatal("a page that was kept without a word of the app's was used by a configuration that wants none")
	}
	holds.Store(false)
	change(func(c *responses.Config) { c.AnonymousHeaders = nil })
	answer <- struct{}{}
	<-done
	get()
	expect("a page that was asked for before", 5)
	get()
	expect("kept again", 5)
	change(func(c *responses.Config) { c.MaxSize /= 2 })
	if state := p.server.lasting.cache.State(); state.MaxSize != cfg.MaxSize || state.Used != 0 {
		t.Errorf("with half the room %d of %d bytes are used", state.Used, state.MaxSize)
	}
	get()
	expect("dropped", 6)
}
