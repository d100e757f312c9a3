package proxy

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Pages of which the app says nothing are shared by those who show nothing of themselves,
// while notifications arrive.
func TestAnonymousPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		lines         string // of the app's answer
		first, second string
		shared        bool
	}{
		{"nothing said", "", ask(pageTarget), ask(pageTarget), true},
		{"harmless headers", "", ask(pageTarget, "User-Agent: a", "Sec-Fetch-Mode: cors", "Referer: b"), ask(pageTarget, "User-Agent: c"), true},
		{"an unknown header", "", ask(pageTarget), ask(pageTarget, "X-Tenant: b"), false},
		{"an unknown header first", "", ask(pageTarget, "X-Tenant: b"), ask(pageTarget), false},
		{"one that was allowed", "", ask(pageTarget), ask(pageTarget, "X-Allowed: b"), true},
		{"analytics", "Vary: Accept, Cookie", ask(pageTarget, "Cookie: _ga=1; _ga_X=2"), ask(pageTarget, "Cookie: _ga=3"), true},
		{"a session", "Vary: Accept, Cookie", ask(pageTarget), ask(pageTarget, "Cookie: _ga=1; sessionid=x"), false},
		{"a session first", "", ask(pageTarget, "Cookie: sessionid=x"), ask(pageTarget), false},
		{"a name like an ignored one", "", ask(pageTarget), ask(pageTarget, "Cookie: _gat=1"), false},
		{"credentials", "", ask(pageTarget, "Authorization: x"), ask(pageTarget), false},
		{"languages", "Vary: Accept-Language", ask(pageTarget, "Accept-Language: de"), ask(pageTarget, "Accept-Language: en"), false},
		{"the same language", "Vary: Accept-Language", ask(pageTarget, "Accept-Language: de"), ask(pageTarget, "Accept-Language: DE"), true},
		{"origins", "", ask(pageTarget, "Origin: https://a.test"), ask(pageTarget, "Origin: https://b.test"), false},
		{"something said", "Cache-Control: max-age=0", ask(pageTarget), ask(pageTarget), false},
		{"something said by Pragma", "Pragma: no-cache", ask(pageTarget), ask(pageTarget), false},
		{"something said to some", "Surrogate-Control: max-age=9", ask(pageTarget), ask(pageTarget), false},
		{"private", "Cache-Control: private", ask(pageTarget), ask(pageTarget), false},
		{"a cookie", "Set-Cookie: a=b", ask(pageTarget), ask(pageTarget), false},
		{"it varies otherwise", "Vary: X-Allowed", ask(pageTarget), ask(pageTarget), false},
		{"no page", "", ask("/api/v2/other/"), ask("/api/v2/other/"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var connected atomic.Bool
			connected.Store(true)
			p, a := startPages(t, warmCaptures(), anonymously(&connected), func(string) string {
				if c.lines == "" {
					return jsonAnswer(thumbnailsOf(1))
				}
				return jsonAnswer(thumbnailsOf(1), c.lines)
			})
			p.Exchange(c.first)
			p.Exchange(c.second)
			if shared := len(a.Seen()) == 1; shared != c.shared {
				t.Fatalf("shared: %v", shared)
			}
			if strings.Contains(c.first, "_ga") && strings.Contains(strings.Join(a.Seen(), ""), "_ga") {
				t.Error("a cookie that counts as none was sent on")
			}
			if !c.shared {
				return
			}
			connected.Store(false)
			if p.Exchange(c.first); len(a.Seen()) != 2 {
				t.Error("used although nothing would tell of a change")
			}
			connected.Store(true)
			p.Exchange(c.second)
			p.server.DropPages()
			if p.Exchange(c.second); len(a.Seen()) != 3 {
				t.Errorf("a page was used after it was dropped: %d requests", len(a.Seen()))
			}
		})
	}
}

func anonymously(connected *atomic.Bool) func(*Config, *Deps) {
	return func(cfg *Config, deps *Deps) {
		cfg.Server.DebugHeaders = true
		cfg.Responses.AnonymousPages, cfg.Responses.AnonymousHeaders = time.Minute, []string{"X-Allowed"}
		deps.Connected = connected.Load
	}
}

// stale_if_error lets a page of which the app says nothing stand in while the app fails,
// for those who show nothing of themselves, while notifications arrive.
func TestAnonymousPagesStandIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure      string // "": the connection breaks
		pages, stale time.Duration
		second       string
		deaf         bool
		dropped      bool
		standsIn     bool
	}{
		"503":                             {sized("503 Service Unavailable", ""), 0, time.Hour, ask(pageTarget), false, false, true},
		"500":                             {sized("500 Internal Server Error", ""), 0, time.Hour, ask(pageTarget), false, false, true},
		"gone":                            {"", 0, time.Hour, ask(pageTarget), false, false, true},
		"an answer that is no failure":    {sized("404 Not Found", ""), 0, time.Hour, ask(pageTarget), false, false, false},
		"it is off":                       {sized("503 Service Unavailable", ""), time.Nanosecond, 0, ask(pageTarget), false, false, false},
		"a session":                       {sized("503 Service Unavailable", ""), 0, time.Hour, ask(pageTarget, "Cookie: sessionid=x"), false, false, false},
		"credentials":                     {sized("503 Service Unavailable", ""), 0, time.Hour, ask(pageTarget, "Authorization: x"), false, false, false},
		"the client wants none":           {sized("503 Service Unavailable", ""), 0, time.Hour, ask(pageTarget, "Cache-Control: no-cache"), false, false, false},
		"notifications do not arrive":     {sized("503 Service Unavailable", ""), 0, time.Hour, ask(pageTarget), true, false, false},
		"somebody may see less meanwhile": {sized("503 Service Unavailable", ""), 0, time.Hour, ask(pageTarget), false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connected, fails atomic.Bool
			connected.Store(true)
			p, a := startPages(t, warmCaptures(), func(cfg *Config, deps *Deps) {
				anonymously(&connected)(cfg, deps)
				cfg.Responses.AnonymousPages, cfg.Responses.StaleIfError = c.pages, c.stale
			}, func(string) string {
				if fails.Load() {
					return c.failure
				}
				return jsonAnswer(thumbnailsOf(1))
			})
			first := p.Exchange(ask(pageTarget))
			fails.Store(true)
			connected.Store(!c.deaf)
			if c.dropped {
				p.server.DropPages()
			}
			second := p.Exchange(c.second)
			if stands := statusOf(second) == "200" && wiretest.Body(second) == wiretest.Body(first); stands != c.standsIn {
				t.Errorf("it stands in: %v; %.300q", stands, second)
			}
			if n := len(a.Seen()); n < 2 {
				t.Errorf("the app was asked %d times: it was not given the chance", n)
			}
		})
	}
}
