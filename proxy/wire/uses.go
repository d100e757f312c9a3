package wire

import (
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// headerUse says what becomes of a request header on its way to the app.
type headerUse uint8

const (
	useCopy  headerUse = iota
	useDrop            // hop-by-hop, or written anew
	useHost            // see AppHost
	useFor             // X-Forwarded-For
	useProto           // X-Forwarded-Proto
	useFHost           // X-Forwarded-Host
	useForwarded
	useClaim  // further claims about the client, which only trusted peers may make
	useScheme // likewise, and it says whether the client came by https
	useLoop   // CDN-Loop
	useID     // X-Request-Id
	useTrace  // traceparent
	useState  // tracestate
	useTrailer
)

// headerUses has every header that is not simply copied.
var headerUses = func() *field.Table[headerUse] {
	t := new(field.Table[headerUse])
	for _, name := range field.HopByHop {
		t.Put(name, useDrop)
	}
	for name, use := range map[string]headerUse{
		"host": useHost, "http2-settings": useDrop, "content-length": useDrop, "expect": useDrop,
		"trailer": useTrailer, "x-request-id": useID, "traceparent": useTrace, "tracestate": useState, "forwarded": useForwarded, "x-forwarded-for": useFor,
		"x-forwarded-proto": useProto, "x-forwarded-host": useFHost, "cdn-loop": useLoop,
		"x-forwarded-ssl": useScheme, "x-forwarded-protocol": useScheme, "x-forwarded-scheme": useScheme,
		"x-scheme": useScheme, "x-url-scheme": useScheme, "front-end-https": useScheme,
		"x-real-ip": useClaim, "x-client-ip": useClaim, "x-cluster-client-ip": useClaim, "true-client-ip": useClaim,
		"cf-connecting-ip": useClaim, "x-host": useClaim, "x-original-host": useClaim, "x-original-proto": useClaim,
		"x-original-url": useClaim, "x-rewrite-url": useClaim,
	} {
		t.Put(name, use)
	}
	for _, name := range furtherClaims {
		t.Put(name, useClaim)
	}
	return t
}()

// furtherClaims are what balancers and CDNs of one kind say: where the app lies below their
// site, what the client asked them for and how it came, and its address.
var furtherClaims = [...]string{
	"x-script-name", "x-path-info", "x-base-path", "x-ingress-path", "x-server-name", "x-real-host",
	"x-original-uri", "x-original-path", "x-original-method", "x-envoy-original-path", "x-envoy-original-host",
	"cf-visitor", "cloudfront-forwarded-proto", "fastly-ssl", "x-arr-ssl", "wl-proxy-ssl",
	"cf-connecting-ipv6", "cf-pseudo-ipv4", "cloudfront-viewer-address", "fastly-client-ip", "x-azure-clientip", "x-azure-socketip",
	"x-appengine-user-ip", "x-envoy-external-address", "wl-proxy-client-ip", "proxy-client-ip",
}

// useOf says what becomes of a request header. Every X-Forwarded-* is a claim, those that
// nobody has thought of yet too.
func useOf(name []byte) headerUse {
	const claim = "x-forwarded-"
	use := headerUses.Of(name)
	if use == useCopy && len(name) > len(claim) && field.Is(name[:len(claim)], claim) {
		return useClaim
	}
	return use
}

// hasUnderscore finds the names that CGI, and WSGI after it, cannot tell from those with
// dashes: gunicorn takes SCRIPT_NAME for a variable of its own, and X_Forwarded_Proto for
// the header that it trusts.
func hasUnderscore(name []byte) bool { return bytes.IndexByte(name, '_') >= 0 }

// notInTrailer are fields that may not stand behind a body, beside those of headerUses:
// the client's identity depends on them, what the body is, or what is answered.
var notInTrailer = field.NewSet("authorization", "cookie", "set-cookie", "content-type", "content-encoding", "content-range",
	"accept-encoding", "if-none-match", "if-modified-since", "if-range")

// allowedInTrailer says whether a field may stand behind a body: none that
// framing, routing or the client's identity depend on.
func allowedInTrailer(name []byte) bool {
	return useOf(name) == useCopy && !notInTrailer.Of(name)
}
