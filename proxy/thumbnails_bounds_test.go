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
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := a.read(br)
			if err != nil {
				return
			}
			if strings.Contains(raw, testRoute) {
				arrived <- struct{}{}
				<-release
			}
			if _, err := conn.Write([]byte(okAnswer)); err != nil {
				return
			}
		}
	})
	resolver := scripted()
	resolver.err = fmt.Errorf("reading: %w", thumb.ErrDatabase)
	p := startProxy(t, a.addr, func(cfg *Config, deps *Deps) {
		cfg.Upstream.MaxFallbacks = 2
		deps.Resolver, deps.Renderer = resolver, &scriptedRenderer{}
	})
	first, second := p.dial(), p.dial()
	first.send(get(testRoute + "10/"))
	second.send(get(testRoute + "11/"))
	<-arrived
	<-arrived
	if got := p.exchange(get(testRoute + "12/")); statusOf(got) != "503" || joinedField(got, "Retry-After") == "" || joinedField(got, "Cache-Control") != "no-store" {
		t.Errorf("the third: %s", got)
	}
	if n := count(p.server.metrics.thumbnails[outcomeTooManyFallbacks]); n != 1 {
		t.Errorf("counted %d times", n)
	}
	if got := p.exchange(get("/other")); statusOf(got) != "200" {
		t.Errorf("another request: %s", got)
	}
	if got := p.exchange(get(testRoute + "1/")); statusOf(got) != "302" {
		t.Errorf("a warm one: %s", got)
	}
	free()
	for _, w := range []*wire{first, second} {
		if got := w.answer(); statusOf(got) != "200" {
			t.Errorf("one that went to the app: %s", got)
		}
	}
	eventually(t, "the places come free", func() bool { return statusOf(p.exchange(get(testRoute+"12/"))) == "200" })
}

func TestWaitEndsWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{waits: true, entered: make(chan struct{}, 1), left: make(chan struct{}, 1)}
	p, a := startThumbnails(t, scripted(), renderer, nil)
	w := p.dial()
	w.send(get(testRoute + "2/"))
	<-renderer.entered
	w.Close()
	<-renderer.left
	eventually(t, "it is counted", func() bool { return count(p.server.metrics.thumbnails[outcomeAbandoned]) == 1 })
	if n := len(a.seen()); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
}

func TestWaitEndsAtShutdown(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{waits: true, entered: make(chan struct{}, 1), left: make(chan struct{}, 1)}
	p, _ := startThumbnails(t, scripted(), renderer, nil)
	p.dial().send(get(testRoute + "2/"))
	<-renderer.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	<-renderer.left
}
