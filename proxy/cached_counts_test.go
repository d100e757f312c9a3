package proxy

import (
	"testing"

	"github.com/thumbedge/thumbedge/proxy/responses"
)

// Each request counts once, by what it was answered with in the end.
func TestWhatTheCacheCounts(t *testing.T) {
	t.Parallel()
	p, _ := startCached(t, nil, func(n int, _ string) string {
		switch n {
		case 1:
			return sized("200 OK", "body", "Cache-Control: max-age=0, stale-if-error=60", `ETag: "a"`)
		case 2:
			return "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"
		}
		return sized("503 Service Unavailable", "")
	})
	for _, lines := range [][]string{nil, nil, nil, {"Cache-Control: no-store"}} { // miss, validated, stale, bypass
		p.Exchange(ask("/x", lines...))
	}
	got := p.server.Responses().State()
	want := responses.State{
		MaxSize: got.MaxSize, Used: got.Used, Entries: 1,
		Misses: 1, Validated: 1, Stale: 1, Bypassed: 1, SavedBytes: 2 * int64(len("body")),
	}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
