package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// When the database is down every request for a thumbnail could make the app
// render: no more than max_fallbacks do at once, and other requests of the app are
// not held up.
func TestFallbacksAreBounded(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := a.Read(br)
			if err != nil {
				return
			}
			if strings.Contains(raw, testRoute) {
				arrived <- struct{}{}
				<-release
			}
			if _, err := conn.Write([]byte(wiretest.OK)); err != nil {
				return
			}
		}
	})
	resolver := scripted()
	resolver.err = fmt.Errorf("reading: %w", thumb.ErrDatabase)
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Upstream.MaxFallbacks = 2
		deps.Resolver, deps.Renderer = resolver, &scriptedRenderer{}
	})
	first, second := p.Dial(), p.Dial()
	first.Send(wiretest.Get(testRoute + "10/"))
	second.Send(wiretest.Get(testRoute + "11/"))
	<-arrived
	<-arrived
	if got := p.Exchange(wiretest.Get(testRoute + "12/")); statusOf(got) != "503" || joinedField(got, "Retry-After") == "" || joinedField(got, "Cache-Control") != "no-store" {
		t.Errorf("the third: %s", got)
	}
	if n := count(p.metrics.thumbnails[outcomeTooManyFallbacks]); n != 1 {
		t.Errorf("counted %d times", n)
	}
	if got := p.Exchange(wiretest.Get("/other")); statusOf(got) != "200" {
		t.Errorf("another request: %s", got)
	}
	if got := p.Exchange(wiretest.Get(testRoute + "1/")); statusOf(got) != "302" {
		t.Errorf("a warm one: %s", got)
	}
	free()
	for _, w := range []*wiretest.Client{first, second} {
		if got := w.Answer(); statusOf(got) != "200" {
			t.Errorf("one that went to the app: %s", got)
		}
	}
	eventually.Holds(t, "the places come free", func() bool { return statusOf(p.Exchange(wiretest.Get(testRoute+"12/"))) == "200" })
}

func TestWaitEndsWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{waits: true, entered: make(chan struct{}, 1), left: make(chan struct{}, 1)}
	p, a := startThumbnails(t, scripted(), renderer, nil)
	w := p.Dial()
	w.Send(wiretest.Get(testRoute + "2/"))
	<-renderer.entered
	w.Close()
	<-renderer.left
	eventually.Holds(t, "it is counted", func() bool { return count(p.metrics.thumbnails[outcomeAbandoned]) == 1 })
	if n := len(a.Seen()); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
}

func TestWaitEndsAtShutdown(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{waits: true, entered: make(chan struct{}, 1), left: make(chan struct{}, 1)}
	p, _ := startThumbnails(t, scripted(), renderer, nil)
	p.Dial().Send(wiretest.Get(testRoute + "2/"))
	<-renderer.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	<-renderer.left
}
