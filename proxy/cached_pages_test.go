package proxy

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A page with a null that a member would see filled in is not kept, whoever asked for it
// first, for out of memory the member would not; another page of the same app is.
func TestPagesWithANullToFillAreNotKept(t *testing.T) {
	t.Parallel()
	const visitor = ""
	for name, c := range map[string]struct {
		target, body  string
		first, second string
		kept          bool
	}{
		"a visitor, then a member":   {pageTarget, nullOf(11), visitor, member, false},
		"two visitors":               {pageTarget, nullOf(11), visitor, visitor, false},
		"two members":                {pageTarget, nullOf(11), member, member, false},
		"a null beside route URLs":   {pageTarget, strings.Replace(nullOf(11), `{"count":7`, `{"x":`+thumbnailsOf(1), 1), visitor, member, false},
		"no null":                    {pageTarget, thumbnailsOf(1), visitor, member, true},
		"a null that is not to fill": {"/api/v2/projects/", nullOf(11), visitor, member, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, a, signer := startFilling(t, draftCaptures(), &scriptedFilling{}, func(string) string {
				return jsonAnswer(c.body, "Cache-Control: public, max-age=60")
			})
			p.Exchange(getAs(c.first, c.target))
			second := wiretest.Body(p.Exchange(getAs(c.second, c.target)))
			if kept := len(a.Seen()) == 1; kept != c.kept {
				t.Errorf("kept: %v", kept)
			}
			signed := verifyAll(t, signer, second)
			if want := !c.kept && c.second == member; (len(signed) > 0) != want {
				t.Errorf("signed %s in %s", signed, second)
			}
		})
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
