package proxy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// startFinished starts a proxy with one page kept, that was asked for often enough to be
// finished, and returns how often its captures were resolved since.
func startFinished(t *testing.T, captures *knownCaptures, edit func(*Config, *Deps), request, answer string) (p *testProxy, resolved func() int) {
	t.Helper()
	captures.asked = [][]thumb.ID{}
	p, _ = startPages(t, captures, edit, func(string) string { return answer })
	for range 3 {
		p.Exchange(request)
	}
	resolved = func() int {
		captures.mu.Lock()
		defer captures.mu.Unlock()
		n := len(captures.asked)
		captures.asked = captures.asked[:0]
		return n
	}
	resolved()
	return p, resolved
}

// TestKeptPageIsNotWrittenAgain: a page that stays what it was is neither resolved nor
// written nor encoded another time, and anything that would make it another page is seen.
func TestKeptPageIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	long := strings.Replace(thumbnailsOf(1, 2), "]}", `],"text":"`+strings.Repeat("words and words ", 200)+`"}`, 1)
	request, kept := ask(pageTarget, "Accept-Encoding: gzip, br"), "Cache-Control: max-age=600"
	for name, c := range map[string]struct {
		edit    func(*Config, *Deps)
		answer  string
		happens func(*knownCaptures)
		request string // the one then; empty: the same
		again   bool   // it is resolved again then
	}{
		"nothing":        {nil, jsonAnswer(long, kept), func(*knownCaptures) {}, "", false},
		"it is gzip":     {nil, jsonAnswer(pack(t, "gzip", long), kept, "Content-Encoding: gzip"), func(*knownCaptures) {}, "", false},
		"it is packed":   {func(cfg *Config, _ *Deps) { cfg.Server.Compress = true }, jsonAnswer(long, kept), func(*knownCaptures) {}, "", false},
		"a change":       {nil, jsonAnswer(long, kept), func(k *knownCaptures) { k.set(2, thumb.Warm, thumb.Warm) }, "", true},
		"one gone cold":  {nil, jsonAnswer(long, kept), func(k *knownCaptures) { k.set(1, thumb.Cold, thumb.Warm) }, "", true},
		"other URLs":     {nil, jsonAnswer(long, kept), func(k *knownCaptures) { k.writeURLs(thumb.StorageURLs{Base: "/media/"}) }, "", true},
		"another signer": {nil, jsonAnswer(long, kept), func(k *knownCaptures) { k.writeURLs(thumb.StorageURLs{Signer: signer("tomorrow")}) }, "", true},
		"no URLs":        {nil, jsonAnswer(long, kept), func(k *knownCaptures) { k.writeURLs(thumb.StorageURLs{None: true}) }, "", true},
		"another coding": {
			func(cfg *Config, _ *Deps) { cfg.Server.Compress = true }, jsonAnswer(long, kept), func(*knownCaptures) {},
			ask(pageTarget, "Accept-Encoding: zstd"), true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			captures := warmCaptures()
			p, resolved := startFinished(t, captures, c.edit, request, c.answer)
			c.happens(captures)
			asked := request
			if c.request != "" {
				asked = c.request
			}
			got := p.Exchange(asked)
			if n := resolved(); (n > 0) != c.again {
				t.Errorf("resolved %d times", n)
			}
			alone, _ := startPages(t, captures, func(cfg *Config, deps *Deps) {
				if c.edit != nil {
					c.edit(cfg, deps)
				}
				cfg.Responses.Enabled = false
			}, func(string) string { return c.answer })
			want := alone.Exchange(asked)
			if unpack(t, got) != unpack(t, want) || joinedField(got, "Content-Encoding") != joinedField(want, "Content-Encoding") {
				t.Errorf("%s\nfrom the app: %s", got, want)
			}
		})
	}
}

// What a page became before it changed does not stay beside what it becomes now.
func TestFinishedPageIsOne(t *testing.T) {
	t.Parallel()
	long := strings.Replace(thumbnailsOf(1, 2), "]}", `],"text":"`+strings.Repeat("words and words ", 4000)+`"}`, 1)
	captures := warmCaptures()
	p, resolved := startFinished(t, captures, nil, ask(pageTarget), jsonAnswer(long, "Cache-Control: max-age=600"))
	for range 4 {
		for _, verdict := range []thumb.Verdict{thumb.Warm, thumb.Cold} {
			captures.set(2, thumb.Warm, verdict)
			for range 3 {
				p.Exchange(ask(pageTarget))
			}
			if n := resolved(); n != 2 {
				t.Errorf("resolved %d times", n)
			}
		}
	}
	if used := p.server.Responses().State().Used; used > int64(2*len(long)+8<<10) {
		t.Errorf("it takes %d bytes, of %d", used, len(long))
	}
}

// A URL that has stopped to work is not sent again, though nobody has said so.
func TestFinishedPageEndsWithItsURLs(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	captures.writeURLs(thumb.StorageURLs{Signer: signer("now"), Expires: time.Now().Add(-time.Second)})
	p, resolved := startFinished(t, captures, nil, ask(pageTarget), jsonAnswer(thumbnailsOf(1), "Cache-Control: max-age=600"))
	if p.Exchange(ask(pageTarget)); resolved() == 0 {
		t.Error("it is sent with URLs of a second ago")
	}
}

// Each look at a page with cold captures starts their renders.
func TestPageWithRendersToStartIsNotFinished(t *testing.T) {
	t.Parallel()
	renderer := &prefetched{calls: make(chan string, 10)}
	p, resolved := startFinished(t, warmCaptures(), func(cfg *Config, deps *Deps) {
		cfg.Rewrite.Prefetch = PrefetchRules{{Labels: []string{"medium"}}}
		deps.Renderer = renderer
	}, ask(pageTarget), jsonAnswer(thumbnailsOf(1, 2), "Cache-Control: max-age=600"))
	for range 3 {
		p.Exchange(ask(pageTarget))
	}
	if n := resolved(); n != 3 {
		t.Errorf("resolved %d times, want 3", n)
	}
	for range 6 {
		if call := <-renderer.calls; call != "2 medium" {
			t.Errorf("rendering %s", call)
		}
	}
}

// A page is finished in the response cache's memory: what there is no room for stays as the
// app wrote it, and is not tried again each time.
func TestFinishedPageCounts(t *testing.T) {
	t.Parallel()
	long := strings.Replace(thumbnailsOf(1, 2), "]}", `],"text":"`+strings.Repeat("words and words ", 4000)+`"}`, 1)
	request, answer := ask(pageTarget), jsonAnswer(long, "Cache-Control: max-age=600", `ETag: "app"`)
	var tags []string
	for name, c := range map[string]struct {
		most     int64
		bodies   int64 // as many are held
		resolved int
	}{
		"room":    {4 << 20, 2, 0},
		"no room": {int64(len(long)) + 1<<10, 1, 1},
	} {
		captures := warmCaptures()
		p, resolved := startFinished(t, captures, func(cfg *Config, _ *Deps) { cfg.Responses.MaxObject = c.most }, request, answer)
		got := p.Exchange(request)
		if n := resolved(); n != c.resolved {
			t.Errorf("%s: resolved %d times, want %d", name, n, c.resolved)
		}
		used := p.server.Responses().State().Used
		if least := c.bodies * int64(len(long)); used < least || used > least+8<<10 {
			t.Errorf("%s: it takes %d bytes, of %d", name, used, len(long))
		}
		tag := joinedField(got, "ETag")
		tags = append(tags, tag)
		if status := p.Exchange(ask(pageTarget, "If-None-Match: "+tag)); !strings.HasPrefix(status, "HTTP/1.1 304 ") {
			t.Errorf("%s: to its own tag: %.200s", name, status)
		}
		if wiretest.Body(got) == long {
			t.Errorf("%s: not rewritten", name)
		}
	}
	if len(slices.Compact(tags)) != 1 {
		t.Errorf("tags %q of the same bytes", tags)
	}
}
