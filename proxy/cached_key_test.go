package proxy

import "testing"

// Which requests are the same to the app, as far as it says, or many apps do not say.
func TestWhatIsTheSame(t *testing.T) {
	t.Parallel()
	const fresh = "Cache-Control: max-age=60"
	for _, c := range []twoRequests{
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
		{"below another path", numbered(fresh), ask("/x", "Script-Name: /evil"), ask("/x"), "200", "body 2", 2, "fwd=vary-miss"},
		{"another country", numbered(fresh), ask("/x", "CF-IPCountry: DE"), ask("/x", "CF-IPCountry: FR"), "200", "body 2", 2, "fwd=vary-miss"},
		{"the same country", numbered(fresh), ask("/x", "CF-IPCountry: DE", "CF-Ray: 1"), ask("/x", "cf-ipcountry: DE", "CF-Ray: 2"), "200", "body 1", 1, "hit"},
		{"a part of a page", numbered(fresh), ask("/x", "X-Requested-With: XMLHttpRequest"), ask("/x"), "200", "body 2", 2, "fwd=vary-miss"},
		{"another origin, that may read it alone", numbered(fresh, "Access-Control-Allow-Origin: https://evil.test"), ask("/x", "Origin: https://evil.test"), ask("/x", "Origin: https://a.test"), "200", "body 2", 2, "fwd=vary-miss"},
		{"another origin, where all may read it", numbered(fresh, "Access-Control-Allow-Origin: *"), ask("/x", "Origin: https://b.test"), ask("/x", "Origin: https://a.test"), "200", "body 1", 1, "hit"},
		{"from another address", numbered(fresh), ask("/x", "X-Forwarded-For: 10.9.8.7"), ask("/x"), "200", "body 1", 1, "hit"},
		{"named by Connection", numbered(fresh, "Vary: Foo"), ask("/x", "Foo: 1", "Connection: Foo"), ask("/x", "Foo: 1"), "200", "body 2", 2, "fwd=uri-miss"},
		{"another variant", numbered(fresh, "Vary: Foo"), ask("/x", "Foo: 1"), ask("/x", "Foo: 2"), "200", "body 2", 2, "fwd=vary-miss"},
		{"a coding that the client has not", numbered(fresh, "Content-Encoding: br"), ask("/x", "Accept-Encoding: br"), ask("/x", "Accept-Encoding: gzip"), "200", "body 2", 2, "fwd=vary-miss"},
	} {
		t.Run(c.name, c.run)
	}
}
