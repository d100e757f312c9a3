package proxy

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// The reasons why a page stays as the app sent it, beside passThrough's own.
const (
	reasonRange       passReason = "range"
	reasonHead        passReason = "head"
	reasonStatus      passReason = "status"
	reasonMediaType   passReason = "media_type"
	reasonNoTransform passReason = "no_transform"
	reasonEmpty       passReason = "empty"
	reasonTooLarge    passReason = "too_large"
	reasonMemory      passReason = "memory"
	reasonStalled     passReason = "stalled"
	reasonBroken      passReason = "broken_off"
	reasonBusy        passReason = "busy"
	reasonEncoding    passReason = "encoding"
	reasonNotJSON     passReason = "not_json"
	reasonNoRoutes    passReason = "no_routes"
	reasonAuthority   passReason = "other_authority"
	reasonNothingWarm passReason = "nothing_warm"
)

// ineligible says why an answer with this head is no page, "" where it is one.
func (p *pages) ineligible(h *wire.Header) passReason {
	switch {
	case h.StatusCode() != fasthttp.StatusOK:
		return reasonStatus
	case !isJSON(h.ContentType()):
		return reasonMediaType
	case hasDirective(h, "no-transform"):
		return reasonNoTransform
	}
	return ""
}

// isCoded says whether a Content-Encoding is one.
func isCoded(encoding []byte) bool { return len(encoding) > 0 && string(encoding) != "identity" }

// isJSON says whether a media type is application/json or one with +json.
func isJSON(mediaType []byte) bool {
	if semicolon := bytes.IndexByte(mediaType, ';'); semicolon >= 0 {
		mediaType = mediaType[:semicolon]
	}
	mediaType = bytes.Trim(mediaType, " \t")
	const suffix = "+json"
	return field.Is(mediaType, "application/json") ||
		len(mediaType) > len(suffix) && bytes.IndexByte(mediaType, '/') > 0 && field.Is(mediaType[len(mediaType)-len(suffix):], suffix)
}

// hasDirective says whether Cache-Control, in any of its lines, has a directive.
func hasDirective(h *wire.Header, name string) bool {
	if len(h.Peek(fasthttp.HeaderCacheControl)) == 0 {
		return false
	}
	for _, line := range h.PeekAll(fasthttp.HeaderCacheControl) {
		for token := range field.Tokens(line) {
			directive, _, _ := bytes.Cut(token, []byte("="))
			if field.Is(bytes.Trim(directive, " \t"), name) {
				return true
			}
		}
	}
	return false
}
