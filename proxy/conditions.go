package proxy

import (
	"bytes"
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
