package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// startCached starts a proxy that shows what its cache does, in front of an app that
// answers by respond, which is given the number of the request. An empty answer ends the
// connection.
func startCached(t *testing.T, edit func(*Config, *Deps), respond func(n int, request string) string) (*testProxy, *wiretest.App) {
	t.Helper()
	var requests atomic.Int64
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			request, err := a.Read(br)
			if err != nil {
				return
			}
			answer := respond(int(requests.Add(1)), request)
			if _, err := io.WriteString(conn, answer); err != nil || answer == "" || strings.Contains(answer, "Broken: yes") {
				return
			}
		}
	})
	return startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Server.DebugHeaders = true
		if edit != nil {
			edit(cfg, deps)
		}
	}), a
}

// sized is an answer with these lines.
func sized(status, body string, lines ...string) string {
	return "HTTP/1.1 " + status + "\r\n" + strings.Join(append(lines, ""), "\r\n") + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

func numbered(lines ...string) func(int, string) string {
	return func(n int, _ string) string { return sized("200 OK", fmt.Sprint("body ", n), lines...) }
}

func ask(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: site.test\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// What a client is answered, and whether the app was asked for it.
func TestAnswersFromMemory(t *testing.T) {
	t.Parallel()
	const fresh = "Cache-Control: max-age=60"
	for _, c := range []struct {
		name          string
		app           func(int, string) string
		first, second string
		status, body  string // of the second answer
		asked         int
		cache         string
	}{
		{"fresh", numbered(fresh), ask("/x"), ask("/x"), "200", "body 1", 1, "hit; ttl="},
		{"another target", numbered(fresh), ask("/x"), ask("/x?"), "200", "body 2", 2, "fwd=uri-miss; stored"},
		{"queries in another order", numbered(fresh), ask("/x?a=1&b=2"), ask("/x?b=2&a=1"), "200", "body 2", 2, "fwd=uri-miss"},
		{"escaped otherwise", numbered(fresh), ask("/x"), ask("/%78"), "200", "body 2", 2, "fwd=uri-miss"},
		{"dotted", numbered(fresh), ask("/x"), ask("/./x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"another host", numbered(fresh), ask("/x"), "GET /x HTTP/1.1\r\nHost: evil.test\r\n\r\n", "200", "body 2", 2, "fwd=uri-miss"},
		{"another port", numbered(fresh), ask("/x"), "GET /x HTTP/1.1\r\nHost: site.test:81\r\n\r\n", "200", "body 2", 2, "fwd=uri-miss"},
		{"forwarded host", numbered(fresh), ask("/x", "X-Forwarded-Host: evil.test"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"forwarded scheme", numbered(fresh), ask("/x", "X-Forwarded-Proto: https"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"forwarded prefix", numbered(fresh), ask("/x", "X-Forwarded-Prefix: /evil"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"rewritten URL", numbered(fresh), ask("/x", "X-Original-URL: /evil"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"method override", numbered(fresh), ask("/x", "X-HTTP-Method-Override: DELETE"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"from another address", numbered(fresh), ask("/x", "X-Forwarded-For: 10.9.8.7"), ask("/x"), "200", "body 1", 1, "hit"},
		{"fat", numbered(fresh), "GET /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\na", ask("/x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"named by Connection", numbered(fresh, "Vary: Foo"), ask("/x", "Foo: 1", "Connection: Foo"), ask("/x", "Foo: 1"), "200", "body 2", 2, "fwd=uri-miss"},
		{"with credentials", numbered(fresh), ask("/x"), ask("/x", "Authorization: x"), "200", "body 2", 2, "fwd=bypass"},
		{"with a cookie", numbered(fresh), ask("/x"), ask("/x", "Cookie: a=b"), "200", "body 2", 2, "fwd=bypass"},
		{"with a cookie, public", numbered(fresh + ", public"), ask("/x", "Cookie: a=c"), ask("/x", "Cookie: a=b"), "200", "body 1", 1, "hit"},
		{"a cookie in the answer", numbered(fresh, "Set-Cookie: a=b"), ask("/x"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss; detail=set_cookie"},
		{"another variant", numbered(fresh, "Vary: Foo"), ask("/x", "Foo: 1"), ask("/x", "Foo: 2"), "200", "body 2", 2, "fwd=vary-miss"},
		{"only from memory", numbered(fresh), ask("/x"), ask("/y", "Cache-Control: only-if-cached"), "504", `{"detail":"Not in the cache."}`, 1, ""},
		{"a part", numbered(fresh), ask("/x"), ask("/x", "Range: bytes=0-1"), "206", "bo", 1, "hit"},
		{"its end", numbered(fresh), ask("/x"), ask("/x", "Range: bytes=-2"), "206", " 1", 1, "hit"},
		{"behind its end", numbered(fresh), ask("/x"), ask("/x", "Range: bytes=10-"), "416", "", 1, "hit"},
		{"several parts", numbered(fresh), ask("/x"), ask("/x", "Range: bytes=0-0,2-2"), "200", "body 1", 1, "hit"},
		{"a part of another version", numbered(fresh, `ETag: "a"`), ask("/x"), ask("/x", "Range: bytes=0-1", `If-Range: "b"`), "200", "body 1", 1, "hit"},
		{"a part by a weak tag", numbered(fresh, `ETag: W/"a"`), ask("/x"), ask("/x", "Range: bytes=0-1", `If-Range: W/"a"`), "200", "body 1", 1, "hit"},
		{"a part of this version", numbered(fresh, `ETag: "a"`), ask("/x"), ask("/x", "Range: bytes=0-1", `If-Range: "a"`), "206", "bo", 1, "hit"},
		{"a part is not kept", func(n int, _ string) string {
			return sized("206 Partial Content", "bo", fresh, "Content-Range: bytes 0-1/6")
		}, ask("/x", "Range: bytes=0-1"), ask("/x"), "206", "bo", 2, "fwd=uri-miss"},
		{"what the client has", numbered(fresh, `ETag: "a"`), ask("/x"), ask("/x", `If-None-Match: "a"`), "304", "", 1, "hit"},
		{"chunked", func(n int, _ string) string {
			return "HTTP/1.1 200 OK\r\n" + fresh + "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer-X: y\r\n\r\n"
		}, ask("/x"), ask("/x"), "200", "abc", 1, "hit"},
		{"broken off", func(n int, _ string) string {
			if n == 1 {
				return "HTTP/1.1 200 OK\r\n" + fresh + "\r\nBroken: yes\r\nContent-Length: 9\r\n\r\nabc"
			}
			return sized("200 OK", "whole")
		}, "", ask("/x"), "200", "whole", 2, "fwd=uri-miss"},
		{"an event stream", numbered(fresh, "Content-Type: text/event-stream"), ask("/x"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss; detail=stream"},
		{"a coding that the client has not", numbered(fresh, "Content-Encoding: br"), ask("/x", "Accept-Encoding: br"), ask("/x", "Accept-Encoding: gzip"), "200", "body 2", 2, "fwd=vary-miss"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, a := startCached(t, nil, c.app)
			if c.first != "" {
				p.Exchange(c.first)
			} else {
				conn := p.Dial()
				conn.Send(ask("/x")).Rest()
			}
			answer := p.Exchange(c.second)
			if status := answer[len("HTTP/1.1 "):][:3]; status != c.status || wiretest.Body(answer) != c.body {
				t.Errorf("%q, want %s and %q", answer, c.status, c.body)
			}
			if n := len(a.Seen()); n != c.asked {
				t.Errorf("the app was asked %d times, want %d", n, c.asked)
			}
			if got := joinedField(answer, "Cache-Status"); !strings.HasPrefix(got, "thumbedge; "+c.cache) && c.cache != "" {
				t.Errorf("Cache-Status is %q, want %q", got, c.cache)
			}
			if strings.HasPrefix(c.cache, "hit") && joinedField(answer, "Age") == "" {
				t.Error("no Age")
			}
		})
	}
}

// HEAD is answered out of what GET was, and never the other way round.
func TestHeadFromMemory(t *testing.T) {
	t.Parallel()
	p, a := startCached(t, nil, func(n int, request string) string {
		if strings.HasPrefix(request, "HEAD") {
			return "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 999\r\n\r\n"
		}
		return sized("200 OK", fmt.Sprint("body ", n), "Cache-Control: max-age=60")
	})
	const head = "HEAD /x HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n"
	p.Dial().Send(head).Rest()
	if answer := p.Exchange(ask("/x")); wiretest.Body(answer) != "body 2" {
		t.Errorf("HEAD's answer was kept for GET: %q", answer)
	}
	raw, _ := p.Dial().Send(head).Rest()
	if joinedField(raw, "Content-Length") != "6" || wiretest.Body(raw) != "" || len(a.Seen()) != 2 {
		t.Errorf("%q, and %d requests", raw, len(a.Seen()))
	}
}

// What is stale is validated by the app's validators, and a 304 of another version, or one
// with a cookie, is not taken for this one's.
func TestValidation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		confirmation string
		body         string
		asked        int
	}{
		"it holds":             {"ETag: \"a\"\r\nX: new", "body 1", 2},
		"without a tag":        {"X: new", "body 1", 2},
		"of another version":   {`ETag: "b"`, "body 3", 3},
		"with a cookie":        {"ETag: \"a\"\r\nSet-Cookie: a=b", "body 3", 3},
		"it is private by now": {"ETag: \"a\"\r\nCache-Control: private", "body 3", 3},
		"it varies by now":     {"ETag: \"a\"\r\nVary: Foo", "body 3", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, a := startCached(t, nil, func(n int, request string) string {
				if strings.Contains(request, `If-None-Match: "a"`) {
					return "HTTP/1.1 304 Not Modified\r\n" + c.confirmation + "\r\n\r\n"
				}
				return sized("200 OK", fmt.Sprint("body ", n), "Cache-Control: no-cache", `ETag: "a"`, "X: old")
			})
			p.Exchange(ask("/x"))
			answer := p.Exchange(ask("/x"))
			if wiretest.Body(answer) != c.body || len(a.Seen()) != c.asked {
				t.Errorf("%q after %d requests", answer, len(a.Seen()))
			}
			if c.asked == 2 && joinedField(answer, "X") != "new" {
				t.Errorf("the 304's header is not the answer's: %q", answer)
			}
		})
	}
}

// An answer that an unsafe request outdated while the app was asked whether it holds is
// asked for again.
func TestValidatedAnswerIsGone(t *testing.T) {
	t.Parallel()
	asked, go304 := make(chan bool, 1), make(chan bool)
	p, _ := startCached(t, nil, func(n int, request string) string {
		switch {
		case strings.HasPrefix(request, "POST"):
			return sized("200 OK", "done")
		case strings.Contains(request, "If-None-Match"):
			asked <- true
			<-go304
			return "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"
		}
		return sized("200 OK", fmt.Sprint("body ", n), "Cache-Control: no-cache", `ETag: "a"`)
	})
	p.Exchange(ask("/x"))
	c := p.Dial().Send(ask("/x"))
	<-asked
	p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
	close(go304)
	if answer := c.Answer(); wiretest.Body(answer) != "body 4" {
		t.Errorf("%q", answer)
	}
}

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

// 200 clients that lack one answer which could be kept last time cost the app one request.
func TestMissesAreCollapsed(t *testing.T) {
	t.Parallel()
	arrived, answer := make(chan bool, 300), make(chan bool)
	p, a := startCached(t, nil, func(n int, request string) string {
		if n == 1 || strings.HasPrefix(request, "POST") {
			return sized("200 OK", "first", "Cache-Control: max-age=60")
		}
		arrived <- true
		<-answer
		return sized("200 OK", "second", "Cache-Control: max-age=60")
	})
	p.Exchange(ask("/x"))
	p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
	var clients []*wiretest.Client
	for range 200 {
		clients = append(clients, p.Dial())
	}
	clients[0].Send(ask("/x"))
	<-arrived
	var group sync.WaitGroup
	collapsed := atomic.Int64{}
	for _, c := range clients[1:] {
		c.Send(ask("/x"))
	}
	close(answer)
	for _, c := range clients {
		group.Go(func() {
			got := c.Answer()
			if wiretest.Body(got) != "second" {
				t.Errorf("%q", got)
			}
			if strings.Contains(got, "collapsed") {
				collapsed.Add(1)
			}
		})
	}
	group.Wait()
	if n := len(a.Seen()); n != 3 {
		t.Errorf("the app was asked %d times, want 3", n)
	}
}

// Two long polls of one URL are both at the app at the same time: neither waits for the
// other, the first time and once it is known that their answers cannot be kept.
func TestLongPollsAreNotCollapsed(t *testing.T) {
	t.Parallel()
	both := make(chan bool, 2)
	release := make(chan bool)
	p, _ := startCached(t, nil, func(n int, _ string) string {
		both <- true
		<-release
		return sized("200 OK", "event")
	})
	for range 2 {
		one, other := p.Dial().Send(ask("/poll")), p.Dial().Send(ask("/poll"))
		<-both
		<-both
		release <- true
		release <- true
		one.Answer()
		other.Answer()
	}
}

// What was kept stands in while the app fails, only where the app allows it.
func TestStaleIfError(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]string{
		"max-age=0, stale-if-error=60":                  "body 1",
		"max-age=0, stale-if-error=60, must-revalidate": "",
		"s-maxage=0, stale-if-error=60":                 "",
	} {
		for _, failure := range []string{"", sized("503 Service Unavailable", "")} {
			p, _ := startCached(t, nil, func(n int, _ string) string {
				if n > 1 {
					return failure
				}
				return sized("200 OK", "body 1", "Cache-Control: "+control, `ETag: "a"`)
			})
			p.Exchange(ask("/x"))
			answer := p.Exchange(ask("/x"))
			if got := wiretest.Body(answer); (got == "body 1") != (want == "body 1") {
				t.Errorf("%s: %q", control, answer)
			}
		}
	}
}

// While an answer is brought up to date behind the client's back, the client has the old
// one.
func TestStaleWhileRevalidate(t *testing.T) {
	t.Parallel()
	p, a := startCached(t, nil, func(n int, _ string) string {
		if n == 1 {
			return sized("200 OK", "old", "Cache-Control: max-age=0, stale-while-revalidate=60")
		}
		return sized("200 OK", "new", "Cache-Control: max-age=60")
	})
	p.Exchange(ask("/x"))
	if answer := p.Exchange(ask("/x")); wiretest.Body(answer) != "old" {
		t.Errorf("%q", answer)
	}
	eventually.Holds(t, "the new one is kept", func() bool { return wiretest.Body(p.Exchange(ask("/x"))) == "new" })
	if n := len(a.Seen()); n != 2 {
		t.Errorf("the app was asked %d times, want 2", n)
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
