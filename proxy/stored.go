package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/condition"
	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// sendStored answers with what is kept: whole, a range of it, or that the client has it
// already.
func sendStored(r *wire.Request, e *responses.Entry) {
	kept := e.Kept()
	h := r.Header()
	var room [128]byte
	further := e.AppendAge(room[:0], time.Now())
	if kept.Status != fasthttp.StatusOK {
		r.SendKept(kept, further)
		return
	}
	if (len(h.Peek(fasthttp.HeaderIfNoneMatch)) > 0 || len(h.Peek(fasthttp.HeaderIfModifiedSince)) > 0) &&
		condition.NotModified(h, e.Tag(), storedDate(e)) {
		kept.Status, kept.Reason, kept.Body = fasthttp.StatusNotModified, []byte("Not Modified"), nil
		kept.Lines = linesWithout(kept.Lines, describing)
		r.SendKept(kept, further)
		return
	}
	if value := h.Peek(fasthttp.HeaderRange); len(value) > 0 && h.IsGet() && rangeApplies(h, e) {
		size := int64(len(kept.Body))
		if part, asked := condition.ParseRange(string(value), size); asked {
			sendRange(r, kept, part, further)
			return
		}
	}
	r.SendKept(kept, further)
}

// sendRange answers with a part of what is kept.
func sendRange(r *wire.Request, kept wire.Kept, part condition.Range, further []byte) {
	size := int64(len(kept.Body))
	kept.Lines = linesWithout(kept.Lines, framing)
	if part.Length == 0 {
		kept.Status, kept.Reason, kept.Body = fasthttp.StatusRequestedRangeNotSatisfiable, []byte("Range Not Satisfiable"), nil
		kept.Lines = linesWithout(kept.Lines, describing)
		further = append(strconv.AppendInt(append(further, "Content-Range: bytes */"...), size, 10), "\r\nContent-Length: 0\r\n"...)
		r.SendKept(kept, further)
		return
	}
	kept.Status, kept.Reason, kept.Body = fasthttp.StatusPartialContent, []byte("Partial Content"), kept.Body[part.Start:part.Start+part.Length]
	further = append(append(append(further, "Content-Range: "...), part.ContentRange(size)...), "\r\nContent-Length: "...)
	further = append(strconv.AppendInt(further, part.Length, 10), "\r\n"...)
	r.SendKept(kept, further)
}

// framing are the headers that a range has of its own, describing those that describe a
// body that is not sent (RFC 9110 sections 15.3.7 and 15.4.5).
var (
	framing    = field.NewSet("content-length", "content-range")
	describing = field.NewSet("content-length", "content-range", "content-type", "content-encoding", "content-language", "content-md5",
		"content-digest", "repr-digest", "digest")
)

// linesWithout returns header lines but for those of these names.
func linesWithout(lines []byte, names *field.Set) []byte {
	kept := make([]byte, 0, len(lines))
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		if name, _, _ := field.Cut(lines[:end]); !names.Of(name) {
			kept = append(kept, lines[:end]...)
		}
		lines = lines[end:]
	}
	return kept
}

// storedDate is what If-Modified-Since is compared with: Last-Modified, or where there is
// none Date (RFC 9111 section 4.3.2).
func storedDate(e *responses.Entry) []byte {
	if modified := e.Modified(); len(modified) > 0 {
		return modified
	}
	return e.Date()
}

// rangeApplies says whether If-Range lets a Range stand: only a strong tag, or exactly
// this date (RFC 9110 section 13.1.5).
func rangeApplies(h *fasthttp.RequestHeader, e *responses.Entry) bool {
	value := h.Peek("If-Range")
	switch {
	case len(value) == 0:
		return true
	case value[0] == '"':
		return bytes.Equal(value, e.Tag())
	}
	return bytes.Equal(value, e.Modified())
}
