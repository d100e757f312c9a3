// Package condition answers conditional and range requests by what a file or a page is
// now (RFC 9110 sections 13 and 14). It reads headers and decides; answering is its
// callers'.
package condition

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// NotModified says whether a conditional GET's client has what this entity tag and
// this Last-Modified describe (RFC 9110 section 13.2.2). Either may be missing.
func NotModified(request *fasthttp.RequestHeader, tag, modified []byte) bool {
	if wanted := request.PeekAll(fasthttp.HeaderIfNoneMatch); len(wanted) > 0 {
		return len(tag) > 0 && listsTag(wanted, tag, true)
	}
	since := request.Peek(fasthttp.HeaderIfModifiedSince)
	if len(since) == 0 || len(modified) == 0 {
		return false
	}
	if bytes.Equal(since, modified) {
		return true
	}
	a, ok1 := date(modified)
	b, ok2 := date(since)
	return ok1 && ok2 && !a.After(b)
}

// listsTag says whether a tag is in the lists of If-Match or If-None-Match, or one
// of them is "*". The former compares strongly: a weak tag is equal to none.
func listsTag(lines [][]byte, tag []byte, weakly bool) bool {
	weak := []byte("W/")
	opaque := bytes.TrimPrefix(tag, weak)
	for _, list := range lines {
		for len(list) > 0 {
			list = bytes.TrimLeft(list, " \t,")
			if len(list) > 0 && list[0] == '*' {
				return true
			}
			strong := bytes.TrimPrefix(list, weak)
			comparable := weakly || len(strong) == len(list) && len(opaque) == len(tag)
			if list = strong; len(list) == 0 || list[0] != '"' {
				break
			}
			end := bytes.IndexByte(list[1:], '"')
			if end < 0 {
				break
			}
			if comparable && bytes.Equal(list[:end+2], opaque) {
				return true
			}
			list = list[end+2:]
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

// Validators are what tells one state of a file from another.
type Validators struct {
	Tag, LastModified []byte // as ETag and Last-Modified have them
	modified          time.Time
}

// ValidatorsOf returns the validators of a file of this size in bytes, which was last
// modified at that time.
func ValidatorsOf(size int64, modified time.Time) Validators {
	tag := strconv.AppendInt([]byte{'"'}, size, 16)
	tag = strconv.AppendInt(append(tag, '-'), modified.UnixNano(), 16)
	return Validators{append(tag, '"'), fasthttp.AppendHTTPDate(nil, modified), modified.Truncate(time.Second)}
}

// Precondition evaluates a conditional request in the order of RFC 9110 section
// 13.2.2: 0 to go on, or the status that ends it.
func (v Validators) Precondition(h *fasthttp.RequestHeader) int {
	if lines := h.PeekAll("If-Match"); len(lines) > 0 {
		if !listsTag(lines, v.Tag, false) {
			return fasthttp.StatusPreconditionFailed
		}
	} else if since, ok := date(h.Peek("If-Unmodified-Since")); ok && v.modified.After(since) {
		return fasthttp.StatusPreconditionFailed
	}
	if NotModified(h, v.Tag, v.LastModified) {
		return fasthttp.StatusNotModified
	}
	return 0
}

// RangeApplies says whether If-Range lets the Range stand: only a tag or a date
// that is exactly the file's does.
func (v Validators) RangeApplies(h *fasthttp.RequestHeader) bool {
	value := h.Peek("If-Range")
	if len(value) == 0 || bytes.Equal(value, v.Tag) {
		return true
	}
	since, ok := date(value)
	return ok && since.Equal(v.modified)
}
