package proxy

import (
	"bytes"
	"time"

	"github.com/valyala/fasthttp"
)

// precondition evaluates a conditional request in the order of RFC 9110 section
// 13.2.2: 0 to go on, or the status that ends it.
func (v validators) precondition(h *fasthttp.RequestHeader) int {
	if lines := h.PeekAll("If-Match"); len(lines) > 0 {
		if !v.listed(lines, false) {
			return fasthttp.StatusPreconditionFailed
		}
	} else if since, ok := date(h.Peek("If-Unmodified-Since")); ok && v.modified.After(since) {
		return fasthttp.StatusPreconditionFailed
	}
	if lines := h.PeekAll("If-None-Match"); len(lines) > 0 {
		if v.listed(lines, true) {
			return fasthttp.StatusNotModified
		}
	} else if since, ok := date(h.Peek("If-Modified-Since")); ok && !v.modified.After(since) {
		return fasthttp.StatusNotModified
	}
	return 0
}

// rangeApplies says whether If-Range lets the Range stand: only a tag or a date
// that is exactly the file's does.
func (v validators) rangeApplies(h *fasthttp.RequestHeader) bool {
	value := h.Peek("If-Range")
	if len(value) == 0 || string(value) == v.tag {
		return true
	}
	since, ok := date(value)
	return ok && since.Equal(v.modified)
}

// listed says whether the file's tag is in a list of tags, or the list is "*".
// The tag itself holds no comma, so a list may be cut at commas.
func (v validators) listed(lines [][]byte, weakly bool) bool {
	for _, line := range lines {
		for tag := range tokens(line) {
			if weakly {
				tag = bytes.TrimPrefix(tag, []byte("W/"))
			}
			if string(tag) == v.tag || string(tag) == "*" {
				return true
			}
		}
	}
	return false
}

func date(value []byte) (time.Time, bool) {
	if len(value) == 0 {
		return time.Time{}, false
	}
	t, err := fasthttp.ParseHTTPDate(value)
	return t, err == nil
}
