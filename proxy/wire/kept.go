package wire

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strconv"

	"github.com/valyala/fasthttp"
)

// Watcher is shown the body of an answer while it goes to the client, so that a cache
// can keep it. Its methods are called by one goroutine after another, never by two at a
// time.
type Watcher interface {
	// Part is shown bytes of the body, which it must not keep.
	Part(p []byte)
	// End is called once: whole where the body came to its end, and then before the
	// client has its last byte.
	End(whole bool)
}

// Watch shows the body to w while the answer is passed, replaced or discarded.
func (r *Answer) Watch(w Watcher) { r.watcher = w }

// Watched says whether somebody wants to be shown the body.
func (r *Answer) Watched() bool { return r.watcher != nil }

// Unwatch tells the watcher that the body is not for it after all.
func (r *Answer) Unwatch() { r.endWatch(false) }

// show shows bytes of the body to the watcher, before the client gets them.
func (r *Answer) show(p []byte, last bool) {
	if r.watcher == nil {
		return
	}
	r.watcher.Part(p)
	if last {
		r.endWatch(true)
	}
}

func (r *Answer) endWatch(whole bool) {
	if w := r.watcher; w != nil {
		r.watcher = nil
		w.End(whole)
	}
}

// Whole tells the watcher that body is all of it: the Handler has read it, and sends
// something else in its place.
func (r *Answer) Whole(body []byte) { r.show(body, true) }

// Discard reads the body for the watcher alone, and ends the answer.
func (r *Answer) Discard() {
	for {
		part, err := r.body.peek()
		if err != nil {
			r.endWatch(err == io.EOF)
			break
		}
		r.show(part, r.body.endsWith(len(part)))
		r.body.skip(len(part))
	}
	r.Close()
}

// endsWith says whether the body is known to end with the next n bytes.
func (b *body) endsWith(n int) bool { return b.kind == bodySized && b.left == int64(n) }

// Kept is an answer that was kept. Who sends it keeps it from being changed meanwhile.
type Kept struct {
	Status int
	Reason []byte // of the status line
	Lines  []byte // of the header; each ends in CRLF
	Body   []byte
}

// SendKept answers with what was kept, and further lines, in one write.
func (r *Request) SendKept(k Kept, further []byte) {
	c := r.client
	r.status, r.answered = k.Status, true
	c.head = appendStatusLine(c.head[:0], k.Status, k.Reason)
	c.head = append(append(c.head, k.Lines...), further...)
	if r.facts.returnsID {
		c.head = appendLine(c.head, requestIDName, r.facts.requestID)
	}
	c.head = c.appendHeadEnd(c.head, lengthHeader)
	body := k.Body
	if c.hasNoBody(k.Status) {
		body = nil
	}
	if err := c.write(c.head, body); err != nil {
		c.gone()
		return
	}
	r.sent = int64(len(body))
}

// Recorded returns what was kept as an Answer, as if the app had given it just now. It
// is ended as any other, and is over with the request.
func (r *Request) Recorded(k Kept, further []byte) (*Answer, error) {
	c := r.client
	if c.recorded == nil {
		c.recorded = new(recorded)
		c.recorded.answer.Header.read.SetNoDefaultContentType(true)
	}
	rec := c.recorded
	rec.head = appendStatusLine(rec.head[:0], k.Status, k.Reason)
	rec.head = append(append(append(rec.head, k.Lines...), further...), crlf...)
	rec.reader.Reset(rec.head)
	if rec.br == nil {
		rec.br = bufio.NewReaderSize(nil, clientBuffer)
	}
	if rec.br.Size() < len(rec.head) {
		rec.br = bufio.NewReaderSize(nil, len(rec.head))
	}
	rec.br.Reset(&rec.reader)
	a := &rec.answer
	a.client, a.conn, a.keep, a.pending, a.watcher = c, nil, false, nil, nil
	a.memory, a.length = k.Body, len(k.Body)
	a.body.reset(nil, bodyNone, 0)
	if c.header.IsHead() {
		a.memory, a.length = nil, 0
	}
	return a, a.Header.readFrom(rec.br)
}

// recorded is what an Answer from memory is made of.
type recorded struct {
	answer Answer
	head   []byte
	reader bytes.Reader
	br     *bufio.Reader
}

// passKept is Pass of an answer from memory.
func (r *Answer) passKept() {
	c := r.client
	r.Header.SetBytesV(fasthttp.HeaderContentLength, strconv.AppendInt(c.size[:0], int64(len(r.pending)+len(r.memory)), 10))
	c.head = c.appendAppHead(c.head[:0], &r.Header, lengthHeader)
	c.req.answered = true
	if err := c.write(c.head, r.pending, r.memory); err != nil {
		c.gone()
		return
	}
	c.req.sent = int64(len(r.pending) + len(r.memory))
}

// Later runs work with a copy of the request that has no client, in a goroutine that
// Shutdown waits for: what it asks the app for is nobody's answer. It is for requests
// without a body.
func (r *Request) Later(work func(*Request)) {
	from := r.client
	s := from.s
	c := &client{s: s, now: from.now, remote: from.remote, peer: bytes.Clone(from.peer), trusted: from.trusted, mute: true}
	from.header.CopyTo(&c.header)
	c.req = Request{
		client: c, started: r.started, target: bytes.Clone(r.target), host: bytes.Clone(r.host),
		named: r.named, length: -1, route: r.route, trace: trace{traced: r.traced},
	}
	c.req.body.reset(nil, bodyNone, 0)
	s.later.Go(func() {
		c.acquireScratch()
		defer c.releaseScratch()
		defer func() {
			if failure := recover(); failure != nil {
				s.panicked("work without a client panicked", failure)
			}
			if app := c.app.Load(); app != nil {
				app.close()
			}
		}()
		work(&c.req)
	})
}

// left says whether the client has gone. A request without one ends with the server.
func (c *client) left() bool {
	if c.mute {
		return c.s.ctx.Err() != nil
	}
	return closedByPeer(c.raw)
}

// Wait waits until done is closed, and says whether it was: not where the client goes
// away first, or ctx ends.
func (r *Request) Wait(ctx context.Context, done <-chan struct{}) bool {
	gone, cancel := r.Context()
	defer cancel()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	case <-gone.Done():
	}
	return false
}
