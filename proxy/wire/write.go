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

// write sends bytes to the client. A client that takes nothing for body_timeout has
// failed.
func (c *client) write(parts ...[]byte) error {
	c.outlet.set(parts...)
	c.refreshDeadline()
	if _, err := c.outlet.write(); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return c.writeOn()
}

// refreshDeadline sees to it that a write may take a while. It seldom sets a deadline,
// which costs more than most writes.
func (c *client) refreshDeadline() {
	now, stall := time.Now(), c.now.Server.BodyTimeout
	if c.writeUntil.Sub(now) < stall/2 {
		c.writeUntil = now.Add(stall)
		_ = c.SetWriteDeadline(c.writeUntil)
	}
}

// writeOn writes what the outlet has left.
func (c *client) writeOn() error {
	return c.persist(func() (int64, error) {
		n, err := c.outlet.write()
		return int64(n), err
	})
}

// persist writes to a client that takes its time.
func (c *client) persist(write func() (int64, error)) error {
	return persist(c.raw, c.now.Server.BodyTimeout, func(t time.Time) error {
		c.writeUntil = t
		return c.SetWriteDeadline(t)
	}, write)
}

// appendAppHead appends the head of the app's answer: its status and its lines, and
// what the proxy adds to them.
func (c *client) appendAppHead(dst []byte, h *Header, length int64) []byte {
	c.req.status = h.StatusCode()
	dst = appendStatusLine(dst, h.StatusCode(), h.read.StatusMessage())
	dst = append(dst, h.lines...)
	if c.req.facts.returnsID && h.Peek("X-Request-Id") == nil {
		dst = appendLine(dst, requestIDName, c.req.facts.requestID)
	}
	if c.req.tunnel {
		dst = append(append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), h.Peek("Upgrade")...), "\r\n"...)
	}
	return c.appendHeadEnd(dst, length)
}

var requestIDName = []byte("X-Request-Id")

// appendHeadEnd appends what holds for this hop only.
func (c *client) appendHeadEnd(dst []byte, length int64) []byte {
	r := &c.req
	if r.cache != "" && c.now.Server.DebugHeaders {
		dst = append(append(dst, "Cache-Status: thumbedge; "...), r.cache...)
		if r.detail != "" {
			dst = append(append(dst, "; detail="...), r.detail...)
		}
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, c.now.headers.lines...)
	if r.hidden { // behind any other policy: the last one counts
		dst = append(dst, "Referrer-Policy: no-referrer\r\n"...)
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
	switch {
	case length == lengthChunked && len(first) > 0:
		c.head = append(strconv.AppendInt(c.head, int64(len(first)), 16), "\r\n"...)
		return c.sendParts(c.head, first, crlf)
	case len(first) > 0:
		return c.sendParts(c.head, first)
	}
	return c.sendParts(c.head)
}

var lastChunk = []byte("0\r\n")

// sendPart sends more of the body.
func (c *client) sendPart(part []byte, length int64) bool {
	if len(part) == 0 {
		return true
	}
	if length == lengthChunked {
		size := append(strconv.AppendInt(c.size[:0], int64(len(part)), 16), "\r\n"...)
		if !c.sendParts(size, part, crlf) {
			return false
		}
	} else if !c.sendParts(part) {
		return false
	}
	c.req.sent += int64(len(part))
	return true
}

// sendEnd ends the body.
func (c *client) sendEnd(length int64, trailer []byte) {
	if length == lengthChunked {
		c.sendParts(lastChunk, trailer, crlf)
	}
}

// sendParts sends parts of an answer. Where it is spooled, what the client does not
// take at once is in req.behind afterwards.
func (c *client) sendParts(parts ...[]byte) bool {
	var err error
	if c.req.spooling {
		c.req.behind, err = c.offer(parts...)
	} else {
		err = c.write(parts...)
	}
	if err != nil {
		c.gone()
	}
	return err == nil
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
	if c.req.http10 || c.mute || h.StatusCode() == 100 {
		return nil
	}
	h.Del("Content-Length")
	c.head = appendStatusLine(c.head[:0], h.StatusCode(), h.read.StatusMessage())
	return c.write(c.head, h.lines, crlf)
}
