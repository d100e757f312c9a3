package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A request counts for a tenth of a second, from its beginning.
func TestActivityIsRecentForAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewActivity()
		if a.Recent() {
			t.Error("nobody has asked yet")
		}
		began := time.Now()
		a.note(began)
		for range 10 {
			if !a.Recent() {
				t.Errorf("it is over after %v", time.Since(began))
			}
			time.Sleep(activeFor / 10)
		}
		if a.Recent() {
			t.Errorf("it is not over after %v", time.Since(began))
		}
		a.note(time.Now())
		if !a.Recent() {
			t.Error("the next one does not count")
		}
	})
}

// What is for the app counts, at a page's path and elsewhere; thumbnails, warm or cold,
// do not: rendering does not slow itself down.
func TestThumbnailsAreNoActivity(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startProxy(t, a.Addr, func(_ *Config, deps *Deps) {
		deps.Renderer, deps.Resolver = &scriptedRenderer{made: Thumbnail{URL: "/media/x.jpg"}}, scripted()
	})
	noted := func(request string) bool {
		p.server.deps.Activity.last.Store(-int64(time.Hour))
		p.Exchange(request)
		return p.server.deps.Activity.last.Load() > -int64(time.Hour)
	}
	for request, want := range map[string]bool{
		"GET /api/v2/captures/ HTTP/1.1\r\nHost: site.test\r\n\r\n":                          true,
		"GET /elsewhere HTTP/1.1\r\nHost: site.test\r\n\r\n":                                 true,
		"POST /elsewhere HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n":           true,
		"GET /api/v2/captures/thumbnails/1/?label=small HTTP/1.1\r\nHost: site.test\r\n\r\n": false,
		"GET /api/v2/captures/thumbnails/2/?label=small HTTP/1.1\r\nHost: site.test\r\n\r\n": false,
	} {
		if got := noted(request); got != want {
			t.Errorf("%.40q is activity: %t, want %t", request, got, want)
		}
	}
}
