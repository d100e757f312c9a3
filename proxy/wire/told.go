package wire

import (
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// AppendSite appends what the app is told of the site that the client asked: scheme,
// Host, forwarded host, and each further claim of a trusted peer (a prefix, a port, a
// rewritten URL), but for the client's addresses. Two requests with the same target are
// the same to the app, as far as it minds these, only where this is the same.
func (r *Request) AppendSite(dst []byte) []byte {
	f := r.readFacts()
	dst = append(append(dst, r.forwardedProto()...), "://"...)
	dst = append(append(dst, r.AppHost()...), '\n')
	host := r.ForwardedHost()
	if host == nil {
		host = r.host
	}
	dst = append(append(dst, host...), '\n')
	if !r.client.trusted || !f.claims && !f.further {
		return dst
	}
	for raw := r.Header().RawHeaders(); len(raw) > 2; {
		var line []byte
		line, raw, _ = field.CutLine(raw)
		name, value, _ := field.Cut(line)
		use := useOf(name)
		switch {
		case hasUnderscore(name), use != useClaim && use != useScheme && use != useForwarded, addresses.Of(name):
		case use == useForwarded:
			dst = appendForwardedSite(dst, value)
		default:
			for _, c := range name {
				if 'A' <= c && c <= 'Z' {
					c += 'a' - 'A'
				}
				dst = append(dst, c)
			}
			dst = append(append(append(dst, ':'), value...), '\n')
		}
	}
	return dst
}

// addresses are claims about the client, not about the site.
var addresses = field.NewSet("x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip",
	"cf-connecting-ipv6", "cf-pseudo-ipv4", "cloudfront-viewer-address", "fastly-client-ip", "x-azure-clientip", "x-azure-socketip",
	"x-appengine-user-ip", "x-envoy-external-address", "wl-proxy-client-ip", "proxy-client-ip")

// appendForwardedSite appends the parts of a Forwarded (RFC 7239) that are not addresses.
func appendForwardedSite(dst, list []byte) []byte {
	for element := range field.Tokens(list) {
		for pair := range bytes.SplitSeq(element, []byte{';'}) {
			name, _, _ := bytes.Cut(pair, []byte{'='})
			if name = bytes.Trim(name, " \t"); !field.Is(name, "for") && !field.Is(name, "by") {
				dst = append(append(dst, bytes.Trim(pair, " \t")...), ';')
			}
		}
	}
	return append(dst, '\n')
}

// Scheme is the scheme that the app is told, "http" or "https".
func (r *Request) Scheme() []byte { return r.forwardedProto() }

// Names says whether Connection names headers that the app is not sent although they are
// in Header.
func (r *Request) Names() bool { return r.named }

// HasBody says whether the request came with a body.
func (r *Request) HasBody() bool {
	return r.length > 0 || r.body.kind == bodyChunked || r.body.kind == bodySized
}

// Streams says whether the request is under one of upstream.stream_paths.
func (r *Request) Streams() bool {
	for _, path := range r.client.now.Upstream.StreamPaths {
		if bytes.HasPrefix(r.Path(), []byte(path)) {
			return true
		}
	}
	return false
}

// ShowsCache says whether MarkCache's words are sent to the client.
func (r *Request) ShowsCache() bool { return r.client.now.Server.DebugHeaders }

// SentAsItCame says whether the app is sent a header of this name as the client sent it.
func SentAsItCame(name []byte) bool { return useOf(name) == useCopy }
