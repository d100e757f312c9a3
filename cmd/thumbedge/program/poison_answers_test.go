package program_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// TestCookiesInAnswersAreNobodyElses: an answer that sets a cookie, or that is private in any
// spelling, goes to the client that it was made for.
func TestCookiesInAnswersAreNobodyElses(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	for n, lines := range []string{
		"Cache-Control: max-age=60\nSet-Cookie: session=evil",
		"Cache-Control: public, max-age=60\nset-cookie: session=evil",
		"Cache-Control: s-maxage=60\nSET-COOKIE: a=b\nSet-Cookie: session=evil",
		"CDN-Cache-Control: max-age=60\nSet-Cookie: session=evil",
		"Cache-Control: max-age=60\nSet-Cookie2: session=evil",
		"Cache-Control: private, max-age=60\nX-User: evil",
		"Cache-Control: PRIVATE, MAX-AGE=60\nX-User: evil",
		"cache-control: max-age=60\nCache-Control: private\nX-User: evil",
		"Cache-Control: max-age=60\nCache-Control: no-store\nX-User: evil",
		"Cache-Control: max-age=60,private\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\nX-User: evil",
		"Cache-Control: max-age=60, no-cache\nX-User: evil",
		"Cache-Control: public, s-maxage=60, private\nX-User: evil",
		"Cache-Control: max-age=60, private=\"x-user\"\nX-User: evil",
		"Cache-Control: max-age=60 ,\tprivate\nX-User: evil",
		"Cache-Control: max-age=\"60\", private=\"\nX-User: evil",
		"CDN-Cache-Control: private\nCache-Control: max-age=60\nX-User: evil",
		"CDN-Cache-Control: no-store\nCache-Control: max-age=60\nX-User: evil",
	} {
		path := fmt.Sprintf("/cookies/x%dx", n)
		app.answers(path, func(w http.ResponseWriter, _ string, _ *http.Request) {
			hijack(w, 200, lines, "the body")
		})
		s.plain(path)
		if a := s.plain(path); a.has(evil) && app.count(path) < 2 {
			t.Errorf("others get what came with %q: %v", lines, a.header)
		}
	}
	app.isKept(t, s, "/cookies/control")
}

// hijack answers with header lines as they are given.
func hijack(w http.ResponseWriter, status int, lines, body string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	if lines != "" {
		lines = strings.ReplaceAll(lines, "\n", "\r\n") + "\r\n"
	}
	if !strings.Contains(lines, "Content-Length") && !strings.Contains(lines, "Transfer-Encoding") && status != http.StatusNotModified {
		lines += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	fmt.Fprintf(conn, "HTTP/1.1 %d x\r\nConnection: close\r\n%s\r\n%s", status, lines, body)
}

// TestPartsNeverStandForTheWhole: an answer to HEAD, to a range, or one that broke off, is
// never what a GET gets.
func TestPartsNeverStandForTheWhole(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	const whole = "all of the body, from its beginning to its end"
	const kept = "Cache-Control: max-age=60\nETag: \"whole\"\n"
	get := func(lines string) string { return "GET {path} HTTP/1.1\nHost: gallery.test\n" + lines }
	for n, test := range []struct {
		name, request string
		status        int
		lines, body   string
	}{
		{name: "HEAD", request: "HEAD {path} HTTP/1.1\nHost: gallery.test\n", status: 200, lines: kept + "Content-Length: 0\nX-Head: evil"},
		{name: "HEAD of another length", request: "HEAD {path} HTTP/1.1\nHost: gallery.test\n", status: 200, lines: "Cache-Control: max-age=3600\nETag: \"evil\"\nContent-Length: 4"},
		{name: "a part", request: get("Range: bytes=0-3\n"), status: 206, lines: kept + "Content-Range: bytes 0-3/46", body: "evil"},
		{name: "a part that does not say so", request: get("Range: bytes=0-3\n"), status: 206, lines: kept, body: "evil"},
		{name: "a part for nobody", request: get(""), status: 206, lines: kept + "Content-Range: bytes 0-3/46", body: "evil"},
		{name: "parts", request: get("Range: bytes=0-1,4-5\n"), status: 206, lines: kept + "Content-Type: multipart/byteranges; boundary=evil", body: "--evil--"},
		{name: "a range out of bounds", request: get("Range: bytes=99-\n"), status: 416, lines: kept + "Content-Range: bytes */4", body: "evil"},
		{name: "If-Range", request: get("Range: bytes=0-3\nIf-Range: \"evil\"\n"), status: 206, lines: kept + "Content-Range: bytes 0-3/4", body: "evil"},
		{name: "cut off", request: get(""), status: 200, lines: kept + "Content-Length: 46", body: "evil"},
		{name: "cut off in a chunk", request: get(""), status: 200, lines: kept + "Transfer-Encoding: chunked", body: "2e\r\nevil"},
		{name: "without its last chunk", request: get(""), status: 200, lines: kept + "Transfer-Encoding: chunked", body: "4\r\nevil\r\n"},
		{name: "with a broken chunk", request: get(""), status: 200, lines: kept + "Transfer-Encoding: chunked", body: "4\r\nevil\r\nzz\r\n"},
		{name: "a 304 for nobody", request: get(""), status: 304, lines: kept + "X-User: evil"},
		{name: "a 304 for the client's own tag", request: get("If-None-Match: \"evil\"\n"), status: 304, lines: "Cache-Control: max-age=60\nETag: \"evil\""},
		{name: "a 304 for the client's own date", request: get("If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT\n"), status: 304, lines: "Cache-Control: max-age=60\nX-User: evil"},
		{name: "an error on the way", request: get(""), status: 502, lines: "X-User: evil", body: "evil"},
	} {
		path := fmt.Sprintf("/parts/x%dx", n)
		var asked, kept atomic.Int64
		app.answers(path, func(w http.ResponseWriter, _ string, _ *http.Request) {
			if asked.Add(1) == 1 {
				hijack(w, test.status, test.lines, test.body)
				return
			}
			kept.Add(1)
			hijack(w, 200, "Cache-Control: max-age=60\nETag: \"whole\"", whole)
		})
		if a := s.ask(strings.ReplaceAll(test.request, "{path}", path), ""); strings.Contains(test.name, "cut off") && !a.broken {
			t.Errorf("%s: the client is told that this is whole: %d %v %q", test.name, a.status, a.header, a.body)
		}
		for range 3 {
			if a := s.plain(path); a.status != 200 || a.has(evil) || string(a.body) != whole {
				t.Errorf("%s: others get %d %v %q", test.name, a.status, a.header, a.body)
			}
		}
		if n := kept.Load(); n != 1 {
			t.Errorf("%s: the app was asked for the whole %d times, want 1", test.name, n)
		}
		// And now that the whole is kept, once more.
		asked.Store(0)
		s.ask(strings.ReplaceAll(test.request, "{path}", path), "")
		if a := s.plain(path); a.status != 200 || a.has(evil) || string(a.body) != whole {
			t.Errorf("%s, while the whole is kept: others get %d %v %q", test.name, a.status, a.header, a.body)
		}
	}
}

// TestValidationByOneUser: what the app says to a client with a cookie or credentials when
// it validates what is kept changes nothing for others.
func TestValidationByOneUser(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	for n, lines := range []string{
		"Cookie: session=evil\nCache-Control: no-cache",
		"Authorization: Token evil\nCache-Control: no-cache",
		"Cookie: session=evil\nPragma: no-cache",
		"Cookie: session=evil\nIf-None-Match: \"v1\"",
		"Cookie: session=evil\nCache-Control: max-age=0\nIf-None-Match: \"v1\"",
		"Authorization: Token evil\nIf-None-Match: *",
	} {
		path := fmt.Sprintf("/validated/x%dx", n)
		app.answers(path, func(w http.ResponseWriter, told string, r *http.Request) {
			const kept = "Cache-Control: max-age=60\nETag: \"v1\""
			if !strings.Contains(told, evil) {
				hijack(w, 200, kept, "the body")
				return
			}
			if r.Header.Get("If-None-Match") != "" {
				hijack(w, 304, kept+"\nSet-Cookie: session=evil\nX-User: evil", "")
				return
			}
			hijack(w, 200, kept+"\nX-User: evil", "evil")
		})
		for range 3 {
			if a := s.plain(path); a.status != 200 || a.has(evil) || string(a.body) != "the body" {
				t.Errorf("after %q others get %d %v %q", lines, a.status, a.header, a.body)
			}
			if a := s.ask("GET "+path+" HTTP/1.1\nHost: gallery.test\n"+lines+"\n", ""); !a.has(evil) && a.status == 200 && string(a.body) != "the body" {
				t.Errorf("%q gets %d %v %q", lines, a.status, a.header, a.body)
			}
		}
		if n := app.count(path); n != 1 {
			t.Errorf("%q: the app was asked %d times by clients like any other, want 1", lines, n)
		}
	}
}

// TestSetCookieInA304: the cookie that comes with the validation of what is kept goes to
// nobody but whom it was for, and is not kept.
func TestSetCookieInA304(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	for n, lines := range []string{"Set-Cookie: session=evil", "Cache-Control: private\nX-User: evil", "Cache-Control: no-store\nX-User: evil"} {
		path := fmt.Sprintf("/304/x%dx", n)
		var evils atomic.Int64
		app.answers(path, func(w http.ResponseWriter, _ string, r *http.Request) {
			if r.Header.Get("If-None-Match") == "" {
				hijack(w, 200, "Cache-Control: max-age=60\nETag: \"v1\"", "the body")
				return
			}
			evils.Add(1)
			hijack(w, 304, "ETag: \"v1\"\n"+lines, "")
		})
		app.isKept(t, s, path)
		s.ask("GET "+path+" HTTP/1.1\nHost: gallery.test\nCache-Control: no-cache\n", "")
		if evils.Load() == 0 {
			t.Errorf("%q: nothing was validated: the test would show nothing", lines)
		}
		for range 2 {
			if a := s.plain(path); a.has(evil) {
				t.Errorf("%q is kept: %v", lines, a.header)
			}
		}
	}
}

// TestAgesAndLifetimesBeyondNumbers: an Age that no number holds is old, a lifetime that no
// number holds is long, and what is no number at all makes nothing fresh.
func TestAgesAndLifetimesBeyondNumbers(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	for n, test := range []struct {
		lines string
		fresh bool
	}{
		{"Cache-Control: max-age=60", true},
		{"Cache-Control: max-age=99999999999999999999999", true},
		{"Cache-Control: max-age=2147483648", true},
		{"Cache-Control: max-age=9223372036854775807", true},
		{"Cache-Control: max-age=60\nAge: 99999999999999999999999", false},
		{"Cache-Control: max-age=60\nAge: 2147483648", false},
		{"Cache-Control: max-age=60\nAge: 18446744073709551617", false}, // 1, where 64 bits run over
		{"Cache-Control: max-age=60\nAge: 4294967297", false},           // 1, where 32 bits do
		{"Cache-Control: max-age=2147483647\nAge: 9223372036854775807", false},
		{"Cache-Control: max-age=-60", false},
		{"Cache-Control: max-age=", false},
		{"Cache-Control: max-age=6e1", false},
		{"Cache-Control: max-age=18446744073709551617, max-age=0", false},
		{"Expires: Thu, 01 Jan 1970 00:00:00 GMT", false},
		{"Expires: 0", false},
		{"Expires: Thu, 32 Dec 2099 00:00:00 GMT", false},
		{"Cache-Control: s-maxage=0, max-age=60", false},
		{"Cache-Control: max-age=60\nDate: Thu, 01 Jan 1970 00:00:00 GMT", false},
	} {
		path := fmt.Sprintf("/ages/x%dx", n)
		app.answers(path, func(w http.ResponseWriter, _ string, _ *http.Request) {
			hijack(w, 200, test.lines+"\nETag: \"v\"", "the body")
		})
		for range 3 {
			if a := s.plain(path); a.status != 200 || string(a.body) != "the body" {
				t.Errorf("%q: %d %q", test.lines, a.status, a.body)
			} else if age := a.header.Get("Age"); age != "" {
				if n, err := strconv.ParseInt(age, 10, 64); (err != nil || n < 0) && !strings.Contains(test.lines, "Age: "+age) {
					t.Errorf("%q: comes with Age: %s", test.lines, age)
				}
			}
		}
		if n := app.count(path); (n == 1) != test.fresh {
			t.Errorf("%q: the app was asked %d times for three clients, fresh: %t", test.lines, n, test.fresh)
		}
	}
}

// TestAFloodOfURLs: whoever asks for one URL after another fills no more than
// responses.max_size, however little each answer is, and what many ask for comes to be kept
// all the same.
func TestAFloodOfURLs(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	const size, urls = 2 << 20, 6000
	s := newSite(t, reflecting(app), with(func(f *config.File) { f.Responses.MaxSize, f.Responses.MaxObject = size, size/4 }))
	app.answers("/flood", func(w http.ResponseWriter, _ string, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
	})
	var attackers sync.WaitGroup
	for n := range 4 {
		attackers.Go(func() {
			for i := range urls / 4 {
				s.get(fmt.Sprintf("%s/flood?%d.%d", s.url, n, i))
			}
		})
	}
	attackers.Wait()
	entries, bytes := s.metric("thumbedge_responses_entries"), s.metric("thumbedge_responses_bytes")
	const least = 1 << 10 // of what an entry takes, the cache's own account apart
	if entries < 100 || entries > size/least {
		t.Errorf("%v answers are kept of %d, in %d bytes", entries, urls, size)
	}
	if bytes > size || bytes < entries*least {
		t.Errorf("%v answers are said to take %v bytes, of %d", entries, bytes, size)
	}
	s.eventually("what many ask for is kept", func() bool {
		before := app.count("/flooded")
		return s.plain("/flooded").status == http.StatusOK && app.count("/flooded") == before
	})
}
