package responses

import (
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// There are headers by which many apps, or the frameworks below them, answer otherwise
// without naming them in Vary. Whoever sends one must leave nothing of it to others. What
// proxies claim of the site is in the key (wire.Request.AppendSite); the rest is told here.

// bearing is what a request header, which the app may never name, bears on.
type bearing uint8

const (
	bearsNothing bearing = iota
	// overrides: it asks for another method, URL, host or client than the request itself
	// does. Such a request passes by the cache.
	overrides
	// tells: it says what the client is like, which part of a page it wants, or below which
	// path the app lies. What is kept of its answer is for requests that say the same.
	tells
)

var bearings = func() *field.Table[bearing] {
	t := new(field.Table[bearing])
	for _, name := range [...]string{
		"x-method", "x-method-override", "host-override", "x-host-override", "request-host", "http-host", "x-backend-host",
		"uri", "request-uri", "x-request-uri", "x-uri", "url", "x-url", "request-url", "x-request-url", "base-url", "x-base-url", "proxy-url", "proxy-host",
		"destination", "client-ip", "x-remote-ip", "x-remote-addr", "remote-addr", "x-remote-user", "remote-user", "x-originating-ip",
		"x-custom-ip-authorization", "x-sucuri-clientip", "x-matched-path", "x-now-route-matches", "x-amz-website-redirect-location",
	} {
		t.Put(name, overrides)
	}
	for _, name := range [...]string{
		"script-name", "path-info", "x-requested-with", "x-pjax", "x-pjax-container", "x-inertia", "x-inertia-partial-data", "x-inertia-partial-component", "turbo-frame",
		"rsc", "x-nextjs-data", "x-api-key", "api-key", "x-auth-token", "x-access-token",
		"x-api-version", "accept-version", "prefer", "x-device", "x-ua-device", "x-device-type", "x-wap-profile", "x-country", "x-country-code",
		"x-geo-country", "x-locale", "x-lang", "x-language", "x-timezone", "x-tenant", "x-tenant-id", "x-appengine-country", "x-vercel-ip-country",
		"x-akamai-edgescape",
	} {
		t.Put(name, tells)
	}
	return t
}()

// families are headers whose names begin alike, by their first letter.
var families = [...]struct {
	prefix string
	bearing
}{
	{"x-original-", overrides}, {"x-rewrite-", overrides}, {"x-override-", overrides}, {"x-http-", overrides}, {"x-forward", overrides},
	{"x-proxy", overrides}, {"x-middleware-", overrides}, {"x-invoke-", overrides}, {"forwarded-", overrides},
	{"hx-", tells}, {"next-", tells}, {"cf-", tells}, {"cloudfront-", tells},
}

// bearingOf says what a header bears on that has no meaning of its own to a cache.
func bearingOf(name []byte) bearing {
	if b := bearings.Of(name); b != bearsNothing {
		return b
	}
	switch name[0] | 0x20 {
	case 'x', 'f', 'h', 'n', 'c':
	default:
		return bearsNothing
	}
	for i := range families {
		f := &families[i]
		if len(name) >= len(f.prefix) && field.Is(name[:len(f.prefix)], f.prefix) && wire.SentAsItCame(name) && !eachTime.Of(name) {
			return f.bearing
		}
	}
	return bearsNothing
}

// eachTime are names of these families whose values are other ones each time.
var eachTime = field.NewSet("cf-ray", "cf-ew-via", "cf-worker", "cf-request-id")

// appendTold appends what a request says in headers that tell, whether Vary names them or
// not.
func appendTold(dst, raw []byte) []byte {
	for name, value := range lines(raw) {
		if bearingOf(name) != tells {
			continue
		}
		dst = append(append(append(dst, bytes.ToLower(name)...), ':'), value...)
		dst = append(dst, '\n')
	}
	return dst
}
