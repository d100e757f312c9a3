package proxy

import (
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// How an answer's body is framed towards the client, where not by its length.
const (
	lengthChunked = -1
	lengthClose   = -2 // until the connection ends, or no body at all
	lengthHeader  = -3 // as the app's own header says
)

// write sends bytes to the client. A client that takes nothing for as long as it
// may be idle has failed.
func (c *client) write(parts ...[]byte) error {
	c.outlet.set(parts...)
	for {
		now, stall := time.Now(), c.s.cfg.Server.IdleTimeout
		if c.writeUntil.Sub(now) < stall/2 {
			c.writeUntil = now.Add(stall)
			_ = c.SetWriteDeadline(c.writeUntil)
		}
		n, err := c.outlet.write()
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// appendAppHead appends the head of the app's answer: its status and its lines, and
// what the proxy adds to them.
func (c *client) appendAppHead(dst []byte, h *answerHeader, length int64) []byte {
	c.req.status = h.StatusCode()
	dst = appendStatusLine(dst, h.StatusCode(), h.read.StatusMessage())
	dst = append(dst, h.lines...)
	if c.req.tunnel {
		dst = append(append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), h.Peek("Upgrade")...), "\r\n"...)
	}
	return c.appendHeadEnd(dst, length)
}

// appendOwnHead appends the head of an answer of the proxy's own.
func (c *client) appendOwnHead(dst []byte, h *fasthttp.ResponseHeader, length int64) []byte {
	c.req.status = h.StatusCode()
	dst = appendStatusLine(dst, h.StatusCode(), []byte(fasthttp.StatusMessage(h.StatusCode())))
	for name, value := range h.All() {
		if string(name) != "Connection" && string(name) != "Content-Length" {
			dst = appendLine(dst, name, value)
		}
	}
	dst = append(dst, "Date: "...)
	dst = append(fasthttp.AppendHTTPDate(dst, time.Now()), "\r\n"...)
	if length >= 0 {
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, length, 10), "\r\n"...)
	}
	return c.appendHeadEnd(dst, length)
}

// appendHeadEnd appends what holds for this hop only.
func (c *client) appendHeadEnd(dst []byte, length int64) []byte {
	r := &c.req
	if r.cache != "" {
		dst = append(append(append(dst, "Cache-Status: thumbedge; "...), r.cache...), "\r\n"...)
	}
	if length == lengthChunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case r.tunnel:
	case r.closing:
		dst = append(dst, "Connection: close\r\n"...)
	case r.http10:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func appendStatusLine(dst []byte, status int, reason []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(strconv.AppendInt(dst, int64(status), 10), ' ')
	return append(append(dst, reason...), "\r\n"...)
}

func appendLine(dst, name, value []byte) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), "\r\n"...)
}

// hasNoBody says whether an answer has no body whatever its header says.
func (c *client) hasNoBody(status int) bool {
	return c.ctx.IsHead() || status < 200 || status == 204 || status == 304
}

// respond sends the answer that a handler left in ctx.Response.
func (c *client) respond() {
	r, response := &c.req, &c.ctx.Response
	if !r.body.done && (r.body.kind == bodyChunked || r.body.left > maxDrain) {
		r.closing = true
	}
	length := int64(len(response.Body()))
	if response.IsBodyStream() {
		length = int64(response.Header.ContentLength())
		if length < 0 {
			length = c.unsizedLength()
		}
	}
	none := c.hasNoBody(response.StatusCode())
	if none && length <= 0 || response.StatusCode() == 204 {
		length = lengthClose
	}
	c.out = c.appendOwnHead(c.out[:0], &response.Header, length)
	switch {
	case none:
		c.sendHead(lengthClose, nil)
		_ = response.CloseBodyStream()
		return
	case !response.IsBodyStream():
		r.sent = length
		c.sendHead(length, response.Body())
		return
	}
	if c.sendHead(length, nil) {
		c.sendStream(response.BodyStream(), length)
	}
	if err := response.CloseBodyStream(); err != nil {
		r.aborted = true
	}
}

// unsizedLength is the framing of a body whose length is not known.
func (c *client) unsizedLength() int64 {
	if c.req.http10 {
		c.req.closing = true
		return lengthClose
	}
	return lengthChunked
}

// sendHead sends the head of the final answer, which is in c.out, and the first of
// its body.
func (c *client) sendHead(length int64, first []byte) bool {
	c.req.answered = true
	var err error
	switch {
	case length == lengthChunked && len(first) > 0:
		c.out = append(strconv.AppendInt(c.out, int64(len(first)), 16), "\r\n"...)
		err = c.write(c.out, first, crlf)
	case len(first) > 0:
		err = c.write(c.out, first)
	default:
		err = c.write(c.out)
	}
	if err != nil {
		c.gone()
	}
	return err == nil
}

var lastChunk = []byte("0\r\n")

// sendPart sends more of the body.
func (c *client) sendPart(part []byte, length int64) bool {
	if len(part) == 0 {
		return true
	}
	var err error
	if length == lengthChunked {
		c.out = append(strconv.AppendInt(c.out[:0], int64(len(part)), 16), "\r\n"...)
		err = c.write(c.out, part, crlf)
	} else {
		err = c.write(part)
	}
	if err != nil {
		c.gone()
		return false
	}
	c.req.sent += int64(len(part))
	return true
}

// sendEnd ends the body.
func (c *client) sendEnd(length int64, trailer []byte) {
	if length != lengthChunked {
		return
	}
	if err := c.write(lastChunk, trailer, crlf); err != nil {
		c.gone()
	}
}

// sendStream sends a body of the proxy's own.
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

// gone takes note that the client cannot be reached any more.
func (c *client) gone() {
	if !c.req.aborted {
		c.req.aborted = true
		c.s.metrics.clientsGone.Inc()
	}
}

// sendInterim passes a 1xx answer of the app on, to clients that may get one.
func (c *client) sendInterim(h *answerHeader) error {
	if c.req.http10 || h.StatusCode() == 100 {
		return nil
	}
	h.Del("Content-Length")
	c.out = appendStatusLine(c.out[:0], h.StatusCode(), h.read.StatusMessage())
	return c.write(c.out, h.lines, crlf)
}
