package wire

import (
	"errors"
	"os"
	"strconv"
	"time"
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
func (c *client) appendAppHead(dst []byte, h *Header, length int64) []byte {
	c.req.status = h.StatusCode()
	dst = appendStatusLine(dst, h.StatusCode(), h.read.StatusMessage())
	dst = append(dst, h.lines...)
	if c.req.tunnel {
		dst = append(append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), h.Peek("Upgrade")...), "\r\n"...)
	}
	return c.appendHeadEnd(dst, length)
}

// appendHeadEnd appends what holds for this hop only.
func (c *client) appendHeadEnd(dst []byte, length int64) []byte {
	r := &c.req
	if r.cache != "" && c.s.cfg.Server.DebugHeaders {
		dst = append(append(dst, "Cache-Status: thumbedge; "...), r.cache...)
		if r.detail != "" {
			dst = append(append(dst, "; detail="...), r.detail...)
		}
		dst = append(dst, "\r\n"...)
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
	return c.header.IsHead() || status < 200 || status == 204 || status == 304
}

// unsizedLength is the framing of a body whose length is not known.
func (c *client) unsizedLength() int64 {
	if c.req.http10 {
		c.req.closing = true
		return lengthClose
	}
	return lengthChunked
}

// sendHead sends the head of the final answer, which is in c.head, and the first of
// its body.
func (c *client) sendHead(length int64, first []byte) bool {
	c.req.answered = true
	var err error
	switch {
	case length == lengthChunked && len(first) > 0:
		c.head = append(strconv.AppendInt(c.head, int64(len(first)), 16), "\r\n"...)
		err = c.write(c.head, first, crlf)
	case len(first) > 0:
		err = c.write(c.head, first)
	default:
		err = c.write(c.head)
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
		size := append(strconv.AppendInt(c.size[:0], int64(len(part)), 16), "\r\n"...)
		err = c.write(size, part, crlf)
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

// gone takes note that the client cannot be reached any more.
func (c *client) gone() {
	if !c.req.aborted {
		c.req.aborted = true
		c.s.metrics.clientsGone.Inc()
	}
}

// sendInterim passes a 1xx answer of the app on, to clients that may get one.
func (c *client) sendInterim(h *Header) error {
	if c.req.http10 || h.StatusCode() == 100 {
		return nil
	}
	h.Del("Content-Length")
	c.head = appendStatusLine(c.head[:0], h.StatusCode(), h.read.StatusMessage())
	return c.write(c.head, h.lines, crlf)
}
