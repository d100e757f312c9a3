package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Parts are answered out of the whole, and never kept.
func TestPartsFromMemory(t *testing.T) {
	t.Parallel()
	const fresh = "Cache-Control: max-age=60"
	for _, c := range []twoRequests{
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
	} {
		t.Run(c.name, c.run)
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
