package proxy

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// An unsafe request drops its target, and what its answer names on the same origin; what
// the app refused drops nothing.
func TestInvalidation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		drops  bool
	}{
		"its target": {"200 OK\r\n", true},
		"refused":    {"403 Forbidden\r\n", false},
		"redirect":   {"302 Found\r\nLocation: /other\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, a := startCached(t, nil, func(n int, request string) string {
				if strings.HasPrefix(request, "PATCH") {
					return "HTTP/1.1 " + c.answer + "Content-Length: 0\r\n\r\n"
				}
				return sized("200 OK", "x", "Cache-Control: max-age=60")
			})
			p.Exchange(ask("/x"))
			p.Exchange(ask("/other"))
			p.Exchange("PATCH /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
			p.Exchange(ask("/x"))
			want := 3
			if c.drops {
				want = 4
			}
			if n := len(a.Seen()); n != want {
				t.Errorf("the app was asked %d times, want %d", n, want)
			}
			p.Exchange(ask("/other"))
			if dropped := len(a.Seen()) > want; dropped != strings.Contains(c.answer, "/other") {
				t.Errorf("Location was dropped: %v", dropped)
			}
		})
	}
}

// An unsafe request drops what is kept for those, too, who tell something of themselves; and
// however many things are told, what is kept for all others stays.
func TestWhatIsToldIsBounded(t *testing.T) {
	t.Parallel()
	p, a := startCached(t, nil, numbered("Cache-Control: max-age=60"))
	country := func(n int) string { return ask("/x", fmt.Sprint("CF-IPCountry: ", n)) }
	p.Exchange(ask("/x"))
	for n := range 100 {
		p.Exchange(country(n))
	}
	for _, request := range []string{ask("/x"), country(99)} {
		if p.Exchange(request); len(a.Seen()) != 101 {
			t.Errorf("not kept: %s", request)
		}
	}
	p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
	p.Exchange(ask("/x"))
	p.Exchange(country(99))
	if n := len(a.Seen()); n != 104 {
		t.Errorf("the app was asked %d times, want 104", n)
	}
}

// An operator drops one URL, on every site, or everything.
func TestDropping(t *testing.T) {
	t.Parallel()
	p, a := startCached(t, nil, numbered("Cache-Control: max-age=60"))
	const other = "GET /x HTTP/1.1\r\nHost: other.test\r\n\r\n"
	fill := func() int {
		p.Exchange(ask("/x"))
		p.Exchange(other)
		p.Exchange(ask("/y"))
		return len(a.Seen())
	}
	fill()
	if n := fill(); n != 3 {
		t.Fatalf("the app was asked %d times, want 3", n)
	}
	p.server.Responses().DropTarget("/x")
	if n := fill(); n != 5 {
		t.Errorf("the app was asked %d times, want 5", n)
	}
	p.server.Responses().Clear()
	if n := fill(); n != 8 {
		t.Errorf("the app was asked %d times, want 8", n)
	}
	if s := p.server.Responses().State(); s.Hits != 4 || s.Misses != 8 || s.Entries != 3 || s.Used <= 3<<10 {
		t.Errorf("%+v", s)
	}
}

// A page whose request went to the app before somebody was told to see less is never kept.
func TestPageAskedForBeforeADropIsNotKept(t *testing.T) {
	t.Parallel()
	var connected atomic.Bool
	connected.Store(true)
	asked, release := make(chan bool, 4), make(chan bool, 4)
	p, a := startPages(t, warmCaptures(), anonymously(&connected), func(string) string {
		asked <- true
		<-release
		return jsonAnswer(thumbnailsOf(1))
	})
	c := p.Dial().Send(ask(pageTarget))
	<-asked
	p.server.DropPages()
	release <- true
	release <- true
	c.Answer()
	p.Exchange(ask(pageTarget))
	if n := len(a.Seen()); n != 2 {
		t.Errorf("the app was asked %d times, want 2", n)
	}
}

// With the last request ends what the cache holds, and who looks at it still may.
func TestShutdownEndsTheCache(t *testing.T) {
	t.Parallel()
	p, _ := startCached(t, nil, numbered("Cache-Control: max-age=60"))
	p.Exchange(ask("/x", "Connection: close"))
	cache := p.server.Responses()
	if s := cache.State(); s.Entries != 1 {
		t.Fatalf("before: %+v", s)
	}
	if err := p.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := cache.State(); s.Entries != 0 || s.Used != 0 || s.Misses != 1 {
		t.Errorf("after: %+v", s)
	}
	cache.Clear()
	p.server.DropPages()
}
