package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

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
