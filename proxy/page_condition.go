package proxy

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// unchanged says whether a conditional GET's answer, whose head is h, is what the
// client has already (RFC 9110 section 13.2.2). An answer without a validator
// never is.
func unchanged(request *fasthttp.RequestHeader, h *answerHeader) bool {
	if wanted := request.PeekAll(fasthttp.HeaderIfNoneMatch); len(wanted) > 0 {
		tag := h.Peek(fasthttp.HeaderETag)
		if len(tag) == 0 {
			return false
		}
		for _, line := range wanted {
			if matchesTag(line, tag) {
				return true
			}
		}
		return false
	}
	since := request.Peek(fasthttp.HeaderIfModifiedSince)
	modified := h.Peek(fasthttp.HeaderLastModified)
	if len(since) == 0 || len(modified) == 0 {
		return false
	}
	if bytes.Equal(since, modified) {
		return true
	}
	a, err1 := fasthttp.ParseHTTPDate(modified)
	b, err2 := fasthttp.ParseHTTPDate(since)
	return err1 == nil && err2 == nil && !a.After(b)
}

// matchesTag compares as weakly as If-None-Match is to be compared.
func matchesTag(list, tag []byte) bool {
	tag = bytes.TrimPrefix(tag, []byte("W/"))
	for len(list) > 0 {
		list = bytes.TrimLeft(list, " \t,")
		if len(list) > 0 && list[0] == '*' {
			return true
		}
		list = bytes.TrimPrefix(list, []byte("W/"))
		if len(list) == 0 || list[0] != '"' {
			return false
		}
		end := bytes.IndexByte(list[1:], '"')
		if end < 0 {
			return false
		}
		if bytes.Equal(list[:end+2], tag) {
			return true
		}
		list = list[end+2:]
	}
	return false
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
