package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// validators are what tells one state of a file from another.
type validators struct {
	tag, lastModified []byte
	modified          time.Time
}

func validatorsOf(file File) validators {
	at := file.Modified()
	tag := strconv.AppendInt([]byte{'"'}, file.Size(), 16)
	tag = strconv.AppendInt(append(tag, '-'), at.UnixNano(), 16)
	return validators{append(tag, '"'), fasthttp.AppendHTTPDate(nil, at), at.Truncate(time.Second)}
}

// precondition evaluates a conditional request in the order of RFC 9110 section
// 13.2.2: 0 to go on, or the status that ends it.
func (v validators) precondition(h *fasthttp.RequestHeader) int {
	if lines := h.PeekAll("If-Match"); len(lines) > 0 {
		if !listsTag(lines, v.tag, false) {
			return fasthttp.StatusPreconditionFailed
		}
	} else if since, ok := date(h.Peek("If-Unmodified-Since")); ok && v.modified.After(since) {
		return fasthttp.StatusPreconditionFailed
	}
	if notModified(h, v.tag, v.lastModified) {
		return fasthttp.StatusNotModified
	}
	return 0
}

// rangeApplies says whether If-Range lets the Range stand: only a tag or a date
// that is exactly the file's does.
func (v validators) rangeApplies(h *fasthttp.RequestHeader) bool {
	value := h.Peek("If-Range")
	if len(value) == 0 || bytes.Equal(value, v.tag) {
		return true
	}
	since, ok := date(value)
	return ok && since.Equal(v.modified)
}
