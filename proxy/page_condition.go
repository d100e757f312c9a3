package proxy

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// unchanged says whether an answer with this head is what the client has already.
func unchanged(request *fasthttp.RequestHeader, h *answerHeader) bool {
	return notModified(request, h.Peek(fasthttp.HeaderETag), h.Peek(fasthttp.HeaderLastModified))
}

// clampLifetime lets no cache keep an answer until a URL in it expires. A
// lifetime that the app did not give is not added.
func clampLifetime(h *answerHeader, expires, now time.Time) {
	limit := max(0, int64(expires.Sub(now)/time.Second)-1)
	if lines := h.PeekAll(fasthttp.HeaderCacheControl); len(lines) > 0 {
		var clamped []byte
		for _, line := range lines {
			clamped = appendClamped(clamped, line, limit)
		}
		h.SetBytesV(fasthttp.HeaderCacheControl, clamped)
	}
	if stated := h.Peek(fasthttp.HeaderExpires); len(stated) > 0 {
		if at, err := fasthttp.ParseHTTPDate(stated); err == nil && at.Sub(now) > time.Duration(limit)*time.Second {
			h.SetBytesV(fasthttp.HeaderExpires, fasthttp.AppendHTTPDate(nil, now.Add(time.Duration(limit)*time.Second)))
		}
	}
}

// appendClamped appends the directives of a Cache-Control line. Those that let a
// stale answer be used go: the URL does not work any more by then.
func appendClamped(dst, line []byte, limit int64) []byte {
	for directive := range tokens(line) {
		name, value, _ := bytes.Cut(directive, []byte("="))
		name = bytes.TrimRight(name, " \t")
		switch {
		case isName(name, "stale-while-revalidate"), isName(name, "stale-if-error"), isName(name, "immutable"):
			continue
		case isName(name, "max-age"), isName(name, "s-maxage"):
			if len(dst) > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(append(dst, name...), '=')
			dst = strconv.AppendInt(dst, min(limit, seconds(value)), 10)
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, directive...)
	}
	return dst
}

// seconds reads a lifetime; one that is not a number is none, RFC 9111 4.2.1.
func seconds(value []byte) int64 {
	n, err := strconv.ParseInt(string(bytes.Trim(value, " \t\"")), 10, 64)
	switch {
	case err != nil && isDigits(value):
		return math.MaxInt64
	case err != nil || n < 0:
		return 0
	}
	return n
}
