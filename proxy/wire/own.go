package wire

import (
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// Own is the answer of our own, which is sent when the Handler returns, unless the
// app's was passed on or replaced. It begins as an empty 200.
func (r *Request) Own() *fasthttp.Response { return &r.client.own }

// AnswerDetail makes Own a JSON object with one member "detail", as the app's own
// errors have it.
func (r *Request) AnswerDetail(status int, detail string) {
	text, err := json.Marshal(map[string]string{"detail": detail})
	if err != nil { // a string always marshals
		text = []byte("{}")
	}
	own := r.Own()
	own.ResetBody()
	own.SetStatusCode(status)
	own.Header.SetContentType("application/json")
	own.SetBody(text)
}

// respond sends the answer of our own.
func (c *client) respond() {
	r, own := &c.req, &c.own
	c.now.handler.OwnAnswer(r)
	for _, name := range c.now.headers.added {
		own.Header.Del(name)
	}
	if !r.body.done && (r.body.kind == bodyChunked || r.body.left > maxDrain) {
		r.closing = true
	}
	length := int64(len(own.Body()))
	if own.IsBodyStream() {
		length = int64(own.Header.ContentLength())
		if length < 0 {
			length = c.unsizedLength()
		}
	}
	none := c.hasNoBody(own.StatusCode())
	if none && length <= 0 || own.StatusCode() == 204 {
		length = lengthClose
	}
	c.head = c.appendOwnHead(c.head[:0], &own.Header, length)
	switch {
	case none:
		c.sendHead(lengthClose, nil)
		_ = own.CloseBodyStream()
		return
	case !own.IsBodyStream():
		r.sent = length
		c.sendHead(length, own.Body())
		return
	}
	if c.sendHead(length, nil) {
		c.sendStream(own.BodyStream(), length)
	}
	if err := own.CloseBodyStream(); err != nil {
		r.aborted = true
	}
}

// appendOwnHead appends the head of an answer of our own.
func (c *client) appendOwnHead(dst []byte, h *fasthttp.ResponseHeader, length int64) []byte {
	c.req.status = h.StatusCode()
	dst = appendStatusLine(dst, h.StatusCode(), []byte(fasthttp.StatusMessage(h.StatusCode())))
	for name, value := range h.All() {
		if string(name) != "Connection" && string(name) != "Content-Length" {
			dst = appendLine(dst, name, value)
		}
	}
	if c.req.readFacts().returnsID {
		dst = appendLine(dst, requestIDName, c.req.facts.requestID)
	}
	dst = append(dst, "Date: "...)
	dst = append(fasthttp.AppendHTTPDate(dst, time.Now()), "\r\n"...)
	if length >= 0 {
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, length, 10), "\r\n"...)
	}
	return c.appendHeadEnd(dst, length)
}

// sendStream sends a body of our own.
func (c *client) sendStream(stream io.Reader, length int64) {
	buf := c.s.buffers.Get().(*[]byte)
	defer c.s.buffers.Put(buf)
	for {
		n, err := stream.Read(*buf)
		if length >= 0 && c.req.sent+int64(n) > length {
			n, err = int(length-c.req.sent), io.EOF
		}
		if n > 0 && !c.sendPart((*buf)[:n], length) {
			return
		}
		if err == io.EOF && (length < 0 || c.req.sent == length) {
			c.sendEnd(length, nil)
			return
		}
		if err != nil {
			c.req.aborted = true
			return
		}
	}
}
