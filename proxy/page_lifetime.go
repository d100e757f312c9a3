package proxy

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
	"github.com/valyala/fasthttp"
)

// clampLifetime lets no cache keep an answer until a URL in it expires. A
// lifetime that the app did not give is not added.
func clampLifetime(h *wire.Header, expires, now time.Time) {
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
	for directive := range field.Tokens(line) {
		name, value, _ := bytes.Cut(directive, []byte("="))
		name = bytes.TrimRight(name, " \t")
		switch {
		case field.Is(name, "stale-while-revalidate"), field.Is(name, "stale-if-error"), field.Is(name, "immutable"):
			continue
		case field.Is(name, "max-age"), field.Is(name, "s-maxage"):
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
	case err != nil && field.IsDigits(value):
		return math.MaxInt64
	case err != nil || n < 0:
		return 0
	}
	return n
}
