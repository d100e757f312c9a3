package wire

import (
	"errors"
	"io"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Answer is the app's answer, its head read and its body not yet. It must be
// ended by exactly one of Pass, Replace and Close.
type Answer struct {
	// Header as the app sent it, hop-by-hop headers removed. It may be edited
	// before Pass or Replace.
	Header Header

	conn    *appConn // nil: from memory
	client  *client
	watcher Watcher // of the body; nil: nobody looks
	memory  []byte  // the body of an answer from memory
	body    body
	length  int
	keep    bool   // the connection can be used again
	pending []byte // see Unread
}

// readFraming says from the head that was read where the body ends.
func (r *Answer) readFraming() error {
	c := r.conn.client
	h := &r.Header
	r.pending = nil
	r.keep = !h.read.ConnectionClose()
	r.length = h.read.ContentLength()
	switch {
	case h.StatusCode() == 101:
		if c.req.upgrade == nil {
			return errBadAnswer
		}
		r.length, r.keep = 0, false
		r.body.reset(r.conn.br, bodyNone, 0)
	case c.hasNoBody(h.StatusCode()):
		r.length = 0
		r.body.reset(r.conn.br, bodyNone, 0)
	case r.length == -1:
		r.body.reset(r.conn.br, bodyChunked, 0)
	case r.length >= 0:
		r.body.reset(r.conn.br, bodySized, int64(r.length))
	default:
		r.length, r.keep = -2, false
		r.body.reset(r.conn.br, bodyUntilClose, 0)
	}
	if h.named {
		r.removeNamed()
	}
	for _, name := range c.now.headers.removed {
		h.Del(name)
	}
	if !c.now.Upstream.PreserveHost || len(c.s.pool.prefix) > 0 {
		c.leadToSite(h)
	}
	return nil
}

// removeNamed removes the headers that Connection names.
func (r *Answer) removeNamed() {
	for _, line := range r.Header.PeekAll("Connection") {
		for token := range field.Tokens(line) {
			if !field.Is(token, "close") && !field.Is(token, "content-length") {
				r.Header.Del(string(token))
			}
		}
	}
}

// Read reads the body's bytes, its framing removed. A body that ended before its
// time is io.ErrUnexpectedEOF.
func (r *Answer) Read(p []byte) (int, error) {
	if len(r.pending) > 0 {
		n := copy(p, r.pending)
		r.pending = r.pending[n:]
		return n, nil
	}
	if len(r.memory) > 0 {
		n := copy(p, r.memory)
		r.memory = r.memory[n:]
		return n, nil
	}
	return r.body.Read(p)
}

// Length is the body's length in bytes, -1 for a chunked body and -2 for
// one that ends with the connection. A response without a body (HEAD, 204, 304)
// has 0, whatever its header says.
func (r *Answer) Length() int { return r.length }

// SetReadTimeout bounds how long the following Reads may wait for the app in all. A
// Read that waits for longer fails with an error that wraps os.ErrDeadlineExceeded,
// and may be tried again. Zero takes the limit away.
func (r *Answer) SetReadTimeout(d time.Duration) {
	if r.conn != nil {
		r.conn.bounded, r.conn.patience = d > 0, d
	}
}

// Unread makes following Reads, and Pass, begin with p, which must stay as it is
// until the answer is over.
func (r *Answer) Unread(p []byte) { r.pending = p }

// Close ends an answer whose body was read, or is not wanted. The connection is used
// again only where the body was read whole.
func (r *Answer) Close() { r.detach(false) }

// detach gives the connection back. An upload that is still running may go on when
// the answer was a good one; otherwise it is stopped, and the connection is then of
// no more use.
func (r *Answer) detach(passed bool) {
	r.endWatch(false)
	if r.conn == nil {
		return
	}
	a, c := r.conn, r.conn.client
	keep := r.keep && r.body.done
	if u := c.req.upload; u != nil {
		good := passed && !c.req.aborted && r.body.done && r.Header.StatusCode() < 400
		if whole := u.awaitEnd(uploadMoment) || good && u.awaitProgress(); !whole {
			keep = false
			c.req.closing = c.req.closing || c.req.streamed
		}
		if err := u.stop(); err != nil {
			keep = false
			c.req.aborted = c.req.aborted || passed
		}
	}
	r.pending = nil
	a.release(keep)
}

// Pass streams the header and what is left of the body to the client, trailers
// too, and ends the answer.
func (r *Answer) Pass() {
	if r.conn == nil {
		r.passKept()
		return
	}
	c := r.client
	r.SetReadTimeout(0)
	if r.Header.StatusCode() == 101 {
		r.tunnel(c)
		return
	}
	r.noteUpload(c)
	length := r.framing(c)
	c.req.spooling = c.req.spools()
	released, err := r.stream(c, length)
	c.req.spooling = false
	if err != nil {
		c.s.metrics.answersBroken.Inc()
		c.s.log.WarnContext(c.req.Traced(), "answer broke off", logError(err), logURI(&c.req))
		c.req.aborted = true
	}
	r.endWatch(false)
	if !released {
		r.detach(true)
	}
}

// noteUpload sees to it that a client which is still sending when its answer comes is
// told that its connection ends.
func (r *Answer) noteUpload(c *client) {
	if u := c.req.upload; u != nil && c.req.streamed && !u.awaitEnd(uploadMoment) {
		c.req.closing = true
	}
}

// framing chooses how the client is told where the body ends.
func (r *Answer) framing(c *client) int64 {
	length := int64(lengthHeader)
	switch {
	case r.body.kind == bodyNone && r.Header.StatusCode() == 204:
		r.Header.Del("Content-Length")
	case r.body.kind == bodyChunked, r.body.kind == bodyUntilClose:
		length = c.unsizedLength()
		r.Header.Del("Content-Length")
	}
	if length != lengthChunked {
		r.Header.Del("Trailer")
	}
	return length
}

// stream sends the head and the body. Each part goes out as soon as it is there,
// with as much as had arrived by then. It says whether the app's connection was given
// back. An error is the app's; one of the client's is noted by whoever wrote.
func (r *Answer) stream(c *client, length int64) (released bool, err error) {
	first, taken := r.pending, 0
	r.pending = nil
	if len(first) == 0 && !r.body.done && r.conn.br.Buffered() > 0 {
		first, err = r.body.peek()
		taken = len(first)
	}
	if err != nil && err != io.EOF {
		return false, err
	}
	c.head = c.appendAppHead(c.head[:0], &r.Header, length)
	r.show(first, r.body.done && r.body.kind != bodyChunked || r.body.endsWith(taken))
	if !c.sendHead(length, first) {
		return false, nil
	}
	c.req.sent += int64(len(first))
	r.body.skip(taken)
	for c.req.behind == nil {
		part, err := r.body.peek()
		if err == io.EOF {
			r.endWatch(true)
			if c.sendEnd(length, r.body.trailer); c.req.behind == nil {
				return false, nil
			}
			length = lengthHeader // the end is in there
			continue
		}
		if errors.Is(err, errClientGone) {
			c.gone()
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r.show(part, r.body.endsWith(len(part)))
		if !c.sendPart(part, length) {
			return false, nil
		}
		r.body.skip(len(part))
	}
	return r.follow(c, c.req.behind, length)
}
