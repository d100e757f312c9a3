package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// notModified says whether a conditional GET's client has what this entity tag and
// this Last-Modified describe (RFC 9110 section 13.2.2). Either may be missing.
func notModified(request *fasthttp.RequestHeader, tag, modified []byte) bool {
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
