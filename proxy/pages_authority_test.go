package proxy

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The authorities at which a route URL is the app's own.
func TestPageAuthorities(t *testing.T) {
	t.Parallel()
	var upstream string
	metrics := NewMetrics(prometheus.NewRegistry())
	edit := func(cfg *Config, deps *Deps) {
		cfg.Server.PublicURL = "https://gallery.test"
		cfg.Rewrite.Hosts = []string{"old.test", "other.test:8443"}
		deps.Metrics = metrics
	}
	var body atomic.Value
	respond := func(string) string { return jsonAnswer(body.Load().(string)) }
	trusting, a := startPages(t, warmCaptures(), edit, respond)
	upstream = a.Addr
	suspicious, _ := startPages(t, warmCaptures(), func(cfg *Config, deps *Deps) {
		edit(cfg, deps)
		cfg.Server.TrustedProxies = []string{"192.0.2.0/24"}
	}, respond)
	foreign := 0
	for _, c := range []struct {
		authority string
		accepted  bool
		proxy     *testProxy
	}{
		{"", true, trusting},
		{"http://site.test", true, trusting},
		{"https://SITE.test:443", true, trusting},
		{"http://site.test:80", true, trusting},
		{"//site.test", true, trusting},
		{"http://site.test:8080", false, trusting},
		{"https://forwarded.test", true, trusting},
		{"https://forwarded.test", false, suspicious},
		{"http://site.test", true, suspicious},
		{"http://" + upstream, true, trusting},
		{"https://gallery.test", true, trusting},
		{"http://gallery.test", true, trusting},
		{"https://old.test", true, trusting},
		{"https://other.test:8443", true, trusting},
		{"https://other.test", false, trusting},
		{"https://evil.test", false, trusting},
		{"https://site.test.evil.test", false, trusting},
		{"https://site.test@evil.test", false, trusting},
	} {
		body.Store(`{"thumbnails":{"small":"` + c.authority + `/api/v2/captures/thumbnails/1/?label=small"}}`)
		answer := c.proxy.Exchange("GET " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-Host: forwarded.test\r\n\r\n")
		if got := strings.Contains(wiretest.Body(answer), storageURL(1, "small")); got != c.accepted {
			t.Errorf("%q is rewritten: %t, want %t", c.authority, got, c.accepted)
		}
		if !c.accepted {
			foreign++
		}
	}
	if got := count(metrics.passed[reasonAuthority]); got != foreign {
		t.Errorf("%d pages are counted for their authority, want %d", got, foreign)
	}
	if got := count(metrics.pages.labels[labelOtherAuthority]); got != foreign {
		t.Errorf("%d labels are counted for their authority, want %d", got, foreign)
	}
}

// Without upstream.preserve_host the app writes the upstream's own authority.
func TestPageAuthorityOfTheHostThatTheAppIsSent(t *testing.T) {
	t.Parallel()
	p, _ := startPages(t, warmCaptures(), func(cfg *Config, _ *Deps) { cfg.Upstream.PreserveHost = false }, func(request string) string {
		return jsonAnswer(`{"thumbnails":{"small":"http://` + joinedField(request, "Host") + `/api/v2/captures/thumbnails/1/","medium":"` + route(1, "medium") + `"}}`)
	})
	want := `{"thumbnails":{"small":"` + storageURL(1, "small") + `","medium":"` + route(1, "medium") + `"}}`
	if got := wiretest.Body(p.Exchange(wiretest.Get(pageTarget))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A storage URL on the site itself keeps the origin of the route URL, so that a
// page on another origin finds it.
func TestStorageURLOnTheSite(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	var value atomic.Value
	captures.writeURLs(thumb.StorageURLs{Base: "/media/"})
	file := strings.TrimPrefix(storageURL(1, "small"), "https://cdn.test/")
	p, _ := startPages(t, captures, nil, func(string) string { return jsonAnswer(`{"thumbnails":{"a":"` + value.Load().(string) + `","b":1}}`) })
	for route, want := range map[string]string{
		"http://site.test/api/v2/captures/thumbnails/1/":               "http://site.test/media/" + file,
		"https://SITE.test:443/api/v2/captures/thumbnails/1/":          "https://SITE.test:443/media/" + file,
		"//site.test/api/v2/captures/thumbnails/1/":                    "//site.test/media/" + file,
		"/api/v2/captures/thumbnails/1/":                               "/media/" + file,
		`http:\/\/site.test\/api\/v2\/captures\/thumbnails\/1\/`:       `http:\/\/site.test/media/` + file,
		`http:\u002f\u002fsite.test/api/v2/captures/thumbnails/\u0031`: `http:\u002f\u002fsite.test/media/` + file,
	} {
		value.Store(route)
		if got := wiretest.Body(p.Exchange(wiretest.Get(pageTarget))); got != `{"thumbnails":{"a":"`+want+`","b":1}}` {
			t.Errorf("%s became %s, want %s", route, got, want)
		}
	}
	value.Store("http://site.test/api/v2/captures/thumbnails/1/")
	captures.writeURLs(thumb.StorageURLs{Base: "//cdn.test/"})
	if got := wiretest.Body(p.Exchange(wiretest.Get(pageTarget))); got != `{"thumbnails":{"a":"//cdn.test/`+file+`","b":1}}` {
		t.Errorf("a URL with an authority of its own became %s", got)
	}
	captures.writeURLs(thumb.StorageURLs{None: true})
	if got := wiretest.Body(p.Exchange(wiretest.Get(pageTarget))); got != `{"thumbnails":{"a":"`+value.Load().(string)+`","b":1}}` {
		t.Errorf("without a storage URL it became %s", got)
	}
}
