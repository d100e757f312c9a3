package proxy

import "testing"

// Which answers are kept, and for whom.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	const fresh = "Cache-Control: max-age=60"
	for _, c := range []twoRequests{
		{"fresh", numbered(fresh), ask("/x"), ask("/x"), "200", "body 1", 1, "hit; ttl="},
		{"fat", numbered(fresh), "GET /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\na", ask("/x"), "200", "body 2", 2, "fwd=uri-miss"},
		{"with credentials", numbered(fresh), ask("/x"), ask("/x", "Authorization: x"), "200", "body 2", 2, "fwd=bypass"},
		{"with a cookie", numbered(fresh), ask("/x"), ask("/x", "Cookie: a=b"), "200", "body 2", 2, "fwd=bypass"},
		{"with a cookie, public", numbered(fresh + ", public"), ask("/x", "Cookie: a=c"), ask("/x", "Cookie: a=b"), "200", "body 1", 1, "hit"},
		{"a cookie in the answer", numbered(fresh, "Set-Cookie: a=b"), ask("/x"), ask("/x"), "200", "body 2", 2, "fwd=uri-miss; detail=set_cookie"},
		{"only from memory", numbered(fresh), ask("/x"), ask("/y", "Cache-Control: only-if-cached"), "504", `{"detail":"Not in the cache."}`, 1, ""},
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
	} {
		t.Run(c.name, c.run)
	}
}
