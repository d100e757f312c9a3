package proxy

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
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

// A page is kept as the app wrote it, and shows each time what is warm by then.
func TestPagesAreRewrittenOutOfMemory(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	p, a := startPages(t, captures, func(cfg *Config, _ *Deps) { cfg.Server.DebugHeaders = true }, func(string) string {
		return jsonAnswer(thumbnailsOf(1), "Cache-Control: max-age=60", `ETag: "app"`)
	})
	first := p.Exchange(ask(pageTarget))
	again := p.Exchange(ask(pageTarget))
	if wiretest.Body(first) != wiretest.Body(again) || !strings.Contains(joinedField(again, "Cache-Status"), "hit") || joinedField(again, "ETag") != joinedField(first, "ETag") {
		t.Errorf("%q is another one than %q", again, first)
	}
	if answer := p.Exchange(ask(pageTarget, "If-None-Match: "+joinedField(first, "ETag"))); !strings.HasPrefix(answer, "HTTP/1.1 304 ") {
		t.Errorf("%q", answer)
	}
	captures.set(1, thumb.Cold, thumb.Cold)
	if cold := p.Exchange(ask(pageTarget)); wiretest.Body(cold) != thumbnailsOf(1) || joinedField(cold, "ETag") != `"app"` {
		t.Errorf("a capture that is cold by now: %q", cold)
	}
	if n := len(a.Seen()); n != 1 {
		t.Errorf("the app was asked %d times, want once", n)
	}
	p.Exchange("POST /api/v2/captures/7/star/ HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
	p.Exchange(ask(pageTarget))
	if n := len(a.Seen()); n != 3 {
		t.Errorf("the app was asked %d times, want 3: what changes a capture drops the pages", n)
	}
}
