package wire

import (
	"io"

	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

// spools says whether the bodies of the request and of its answer are kept until the
// other side takes them.
func (r *Request) spools() bool {
	return r.client.now.Upstream.Spool && !r.Streams()
}

// readBody reads the request's body before the app hears of it: a slow client then
// holds no worker of the app, and the app gets a Content-Length, without which many
// take a body for empty. It sets streamed where the body, or what is left of it, is to
// be passed on as it comes instead: where spooling is off, or where there is no room.
// A body without a length is refused then, for the app would miss it.
func (c *client) readBody() error {
	r := &c.req
	spools := r.spools()
	switch {
	case r.body.done:
		return nil
	case r.body.kind == bodySized && r.body.left <= tinyBody, !spools && r.body.kind == bodySized && r.body.left <= smallBody:
		return nil // it is read behind the head
	case !spools, r.body.kind == bodySized && r.body.left > c.now.Upstream.SpoolMax:
		r.streamed = true
		return nil
	}
	r.spooled = c.s.spool.NewBody(true)
	c.s.metrics.spooledRequests.Inc()
	err := c.spoolBody(r.spooled)
	r.inBody = false
	if err != nil {
		r.dropSpooled()
		return err
	}
	r.spooled.End(nil)
	if r.body.kind == bodyChunked {
		r.length = r.spooled.Len()
	}
	return nil
}

// spoolBody reads the body into b.
func (c *client) spoolBody(b *spool.Body) error {
	if err := b.Open(); err != nil { // the client has not been told to go on
		return c.spoolFull()
	}
	if err := c.startBody(); err != nil {
		return err
	}
	r, limit := &c.req, c.now.Server.MaxRequestBody
	for {
		room := b.Room()
		direct := room != nil
		if !direct {
			if r.ahead == nil {
				r.ahead = c.s.buffers.Get().(*[]byte)
			}
			room = *r.ahead
		}
		n, err := readSome(&r.body, room)
		if limit > 0 && b.Len()+int64(n) > limit {
			return rejectBodySize
		}
		if direct {
			b.Commit(n)
		} else if taken, full := b.Write(room[:n]); full != nil {
			r.rest = room[taken:n]
			return c.spoolFull()
		}
		if err == io.EOF || r.body.done {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
	}
}

// spoolFull decides on a body that there is no room for.
func (c *client) spoolFull() error {
	r := &c.req
	if r.body.kind == bodyChunked {
		c.s.metrics.spoolFull["refused"].Inc()
		return rejectBodySize
	}
	c.s.metrics.spoolFull["streamed"].Inc()
	r.streamed = true
	return nil
}

// dropSpooled gives back what was kept of the request's body.
func (r *Request) dropSpooled() {
	if r.spooled != nil {
		r.spooled.Close()
		r.spooled = nil
	}
	if r.ahead != nil {
		r.client.s.buffers.Put(r.ahead)
		r.ahead, r.rest = nil, nil
	}
}
