package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Every row of the table of what a request for a thumbnail is answered.
func TestThumbnailRoute(t *testing.T) {
	t.Parallel()
	wrapped := func(err error) error { return fmt.Errorf("rendering: %w", err) }
	jpeg := Thumbnail{JPEG: []byte("\xff\xd8picture")}
	stored := Thumbnail{URL: "https://cdn.example/new.jpg"}
	const original = "https://originals.example/1.jpg"
	for name, c := range map[string]struct {
		target   string
		renderer *scriptedRenderer
		database error
		url      string
		// What must come of it; app: the app's answer.
		app                          bool
		status, location, keep, body string
		rendered                     string // calls of the renderer
		outcome                      thumbnailOutcome
	}{
		"the list itself":                     {target: "", app: true},
		"something below a capture":           {target: "1/other/", app: true},
		"a label that is not configured":      {target: "1/?label=huge", app: true},
		"the last of two labels counts":       {target: "1/?label=small&label=huge", app: true},
		"a label in another case":             {target: "1/?label=Small", app: true},
		"not public":                          {target: "4/", app: true},
		"not public, and new":                 {target: "7/", app: true},
		"database down":                       {target: "9/", database: thumb.ErrDatabase, app: true},
		"database down before the fresh read": {target: "404/", database: thumb.ErrDatabase, app: true},
		"warm without a URL":                  {target: "1/", url: "none", app: true},
		"not public, the renderer finds": {target: "2/", renderer: &scriptedRenderer{err: wrapped(thumb.ErrNotPublic)}, app: true,
			rendered: "2/0"},
		"database down, the renderer finds": {target: "2/", renderer: &scriptedRenderer{err: wrapped(thumb.ErrDatabase)}, app: true,
			rendered: "2/0"},
		"an error that nobody knows": {target: "2/", renderer: &scriptedRenderer{err: errors.New("surprise"), original: original}, app: true,
			rendered: "2/0"},

		"id zero":        {target: "0/", status: "404", keep: "no-store", body: `{"detail":"No such capture."}`, outcome: outcomeUnknown},
		"id negative":    {target: "-1/", status: "404", keep: "no-store", body: `{"detail":"No such capture."}`, outcome: outcomeUnknown},
		"id too large":   {target: "9223372036854775808/", status: "404", keep: "no-store", body: `{"detail":"No such capture."}`, outcome: outcomeUnknown},
		"id not numeric": {target: "moth/", status: "404", keep: "no-store", body: `{"detail":"No such capture."}`, outcome: outcomeUnknown},
		"unknown":        {target: "404/", status: "404", keep: "no-store", body: `{"detail":"No such capture."}`, outcome: outcomeUnknown},
		"deleted while it was rendered": {target: "2/", renderer: &scriptedRenderer{err: wrapped(thumb.ErrUnknownCapture), original: original},
			status: "404", keep: "no-store", body: `{"detail":"No such capture."}`, rendered: "2/0", outcome: outcomeUnknown},

		"warm":                          {target: "1/?label=medium", status: "302", location: "/media/1/1.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm, no label":                {target: "1/", status: "302", location: "/media/1/0.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm, empty label":             {target: "1/?label=", status: "302", location: "/media/1/0.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm, no slash":                {target: "1?label=medium", status: "302", location: "/media/1/1.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm, leading zeros":           {target: "001/", status: "302", location: "/media/1/0.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm, escaped":                 {target: "%31/?l%61bel=m%65dium", status: "302", location: "/media/1/1.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm, other parameters":        {target: "1/?x=1&label=medium&y", status: "302", location: "/media/1/1.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm in memory, database down": {target: "1/", database: thumb.ErrDatabase, status: "302", location: "/media/1/0.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm, and new":                 {target: "6/", status: "302", location: "/media/6/0.jpg", keep: "private, max-age=300", outcome: outcomeWarm},
		"warm elsewhere": {target: "1/", url: "https://cdn.example/a%20b.jpg?x=1&y=2", status: "302", location: "https://cdn.example/a%20b.jpg?x=1&y=2",
			keep: "private, max-age=300", outcome: outcomeWarm},

		"cold": {target: "2/?label=medium", renderer: &scriptedRenderer{made: stored}, status: "302", location: stored.URL,
			keep: "private, max-age=300", rendered: "2/1", outcome: outcomeCold},
		"cold, and new": {target: "5/", renderer: &scriptedRenderer{made: stored}, status: "302", location: stored.URL,
			keep: "private, max-age=300", rendered: "5/0", outcome: outcomeCold},
		"stale": {target: "3/", renderer: &scriptedRenderer{made: stored}, status: "302", location: stored.URL,
			keep: "private, max-age=300", rendered: "3/0", outcome: outcomeStale},
		"rendered, and not kept": {target: "2/", renderer: &scriptedRenderer{made: jpeg, original: original}, status: "200",
			keep: "private, no-store", body: "\xff\xd8picture", rendered: "2/0", outcome: outcomeUnkept},

		"busy": {target: "2/?label=medium", renderer: &scriptedRenderer{err: wrapped(thumb.ErrBusy), original: original}, status: "503",
			keep: "no-store", body: `{"detail":"Too many thumbnails are being made."}`, rendered: "2/1", outcome: outcomeBusy},
		"busy, with a fallback": {target: "2/", renderer: &scriptedRenderer{err: wrapped(thumb.ErrBusy), original: original}, status: "302",
			location: original, keep: "no-store", rendered: "2/0", outcome: outcomeBusyOriginal},
		"busy, no original to show": {target: "2/", renderer: &scriptedRenderer{err: wrapped(thumb.ErrBusy)}, status: "503",
			keep: "no-store", body: `{"detail":"Too many thumbnails are being made."}`, rendered: "2/0", outcome: outcomeBusy},
		"original unavailable": {target: "2/?label=medium", renderer: &scriptedRenderer{err: wrapped(thumb.ErrOriginalUnavailable), original: original}, status: "502",
			keep: "no-store", body: `{"detail":"The original cannot be fetched."}`, rendered: "2/1", outcome: outcomeUnavailable},
		"original unavailable, with a fallback": {target: "2/", renderer: &scriptedRenderer{err: wrapped(thumb.ErrOriginalUnavailable), original: original}, status: "302",
			location: original, keep: "no-store", rendered: "2/0", outcome: outcomeNoneOriginal},
		"original unusable": {target: "2/?label=medium", renderer: &scriptedRenderer{err: wrapped(thumb.ErrOriginalUnusable), original: original}, status: "422",
			keep: "no-store", body: `{"detail":"The original cannot be rendered."}`, rendered: "2/1", outcome: outcomeUnusable},
		"original unusable, with a fallback": {target: "2/", renderer: &scriptedRenderer{err: wrapped(thumb.ErrOriginalUnusable), original: original}, status: "302",
			location: original, keep: "no-store", rendered: "2/0", outcome: outcomeUnusableOriginal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resolver, renderer := scripted(), cmp.Or(c.renderer, &scriptedRenderer{})
			resolver.err, resolver.url = c.database, c.url
			p, a := startThumbnails(t, resolver, renderer, nil)
			got := p.Exchange("GET " + testRoute + c.target + " HTTP/1.1\r\nHost: site.test\r\nOrigin: https://ui.example\r\n\r\n")
			if calls := renderer.called(); calls != c.rendered {
				t.Errorf("rendered %q, want %q", calls, c.rendered)
			}
			if passed := len(a.Seen()); c.app != (passed == 1) {
				t.Errorf("%d requests reached the app: %s", passed, got)
			}
			if c.app {
				if statusOf(got) != "400" || wiretest.Body(got) != "says app: " {
					t.Errorf("not the app's answer: %s", got)
				}
				return
			}
			if statusOf(got) != c.status || joinedField(got, "Location") != c.location || joinedField(got, "Cache-Control") != c.keep || wiretest.Body(got) != c.body {
				t.Errorf("got %s", got)
			}
			if joinedField(got, "X-Content-Type-Options") != "nosniff" || joinedField(got, "Access-Control-Allow-Origin") != "https://ui.example" || joinedField(got, "Vary") != "Origin" {
				t.Errorf("headers of the proxy's own answers: %s", got)
			}
			if want := "thumbedge; fwd=miss; detail=" + string(c.outcome); joinedField(got, "Cache-Status") != want && (c.outcome != outcomeWarm || joinedField(got, "Cache-Status") != "thumbedge; hit") {
				t.Errorf("Cache-Status is not %q: %s", want, got)
			}
			if c.status == "503" && joinedField(got, "Retry-After") == "" {
				t.Errorf("no Retry-After: %s", got)
			}
			if n := testutil.ToFloat64(p.metrics.thumbnails[c.outcome]); n != 1 {
				t.Errorf("outcome %s counted %v times", c.outcome, n)
			}
			if !strings.Contains(p.log.String(), "outcome="+string(c.outcome)) {
				t.Errorf("no word of %s in the log:\n%s", c.outcome, p.log)
			}
		})
	}
}

func TestHeadIsGetWithoutItsBody(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{made: Thumbnail{JPEG: []byte("picture")}}
	p, _ := startThumbnails(t, scripted(), renderer, nil)
	for _, target := range []string{"1/", "2/", "404/"} {
		w := p.Dial()
		w.Send("HEAD " + testRoute + target + " HTTP/1.1\r\nHost: site.test\r\n\r\n")
		head, err := wiretest.ReadHead(w.Br)
		if err != nil {
			t.Fatal(err)
		}
		// What follows is the next answer: there was no body.
		got := w.Send(wiretest.Get(testRoute + target)).Answer()
		if statusOf(got) != statusOf(head) || joinedField(got, "Location") != joinedField(head, "Location") || joinedField(got, "Cache-Control") != joinedField(head, "Cache-Control") ||
			joinedField(got, "Content-Type") != joinedField(head, "Content-Type") {
			t.Errorf("HEAD said\n%s, GET\n%s", head, got)
		}
	}
}

func TestOtherMethodsAreTheApps(t *testing.T) {
	t.Parallel()
	p, a := startThumbnails(t, scripted(), &scriptedRenderer{}, nil)
	for _, method := range []string{"OPTIONS", "DELETE"} {
		if got := p.Exchange(method + " " + testRoute + "1/ HTTP/1.1\r\nHost: site.test\r\n\r\n"); statusOf(got) != "400" {
			t.Errorf("%s: %s", method, got)
		}
	}
	if n := len(a.Seen()); n != 2 {
		t.Errorf("%d requests reached the app, want 2", n)
	}
}

// A browser must not keep a redirect longer than its target lives.
func TestRedirectEndsWithItsURL(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration][2]int{time.Hour: {300, 300}, 2 * time.Minute: {60, 119}, -time.Minute: {0, 0}} {
		resolver := scripted()
		resolver.expires = time.Now().Add(left)
		renderer := &scriptedRenderer{made: Thumbnail{URL: "/x", Expires: resolver.expires}}
		p, _ := startThumbnails(t, resolver, renderer, nil)
		for _, target := range []string{"1/", "2/"} {
			var seconds int
			got := p.Exchange(wiretest.Get(testRoute + target))
			if _, err := fmt.Sscanf(joinedField(got, "Cache-Control"), "private, max-age=%d", &seconds); err != nil || seconds < want[0] || seconds > want[1] {
				t.Errorf("%v left: %s", left, got)
			}
		}
	}
}
