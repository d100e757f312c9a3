package wire

import (
	"errors"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

// follower takes the rest of an answer from the app as fast as the app gives it, while
// the client's goroutine writes what the client takes. It begins when the client does
// not take something at once, and gives the app's connection back with the last byte of
// the answer, however far behind the client is.
//
// The body between the two holds what the client is to be sent, its framing included.
type follower struct {
	r      *Answer
	a      *appConn
	body   *spool.Body
	length int64 // the framing, see the constants
	done   chan struct{}

	conn  atomic.Uint32 // who the app's connection belongs to
	taken int64         // bytes of the answer's body; read after done
	held  bool          // the app had to wait
}

// The states of follower.conn.
const (
	connFollowed uint32 = iota // the follower
	connReleased               // nobody here: it was given back
	connCut                    // the client's goroutine, which has closed it
)

// offer writes as much of the parts as the client takes at once. What is left is in
// the body that it returns; nil: nothing is.
func (c *client) offer(parts ...[]byte) (*spool.Body, error) {
	c.outlet.set(parts...)
	c.refreshDeadline()
	if _, err := c.outlet.writeNow(); err != nil || c.outlet.left == 0 {
		return nil, err
	}
	b := c.s.spool.NewBody(false)
	for _, part := range c.outlet.parts {
		if n, _ := b.Write(part); n < len(part) { // no room: the app waits
			b.Close()
			c.s.metrics.spoolFull["held"].Inc()
			return nil, c.writeOn()
		}
	}
	clear(c.outlet.parts[:])
	return b, nil
}

// follow sends the client what is in the body, and what the app still gives. It says
// whether the app's connection was given back; an error is the app's, or the disk's.
func (r *Answer) follow(c *client, b *spool.Body, length int64) (released bool, err error) {
	c.s.metrics.spooledAnswers.Inc()
	f := &follower{r: r, a: r.conn, body: b, length: length, done: make(chan struct{})}
	sent, ended := -b.Len(), false // what was left is counted already
	go f.run(c)
	defer func() {
		if !ended {
			f.cut()
		}
		<-f.done
		released = f.conn.Load() == connReleased
		c.req.sent += min(max(sent, 0), f.taken)
		b.Close()
	}()
	for {
		part, err := b.Next()
		ended = err != nil
		switch {
		case err == io.EOF:
			return false, nil
		case errors.Is(err, errClientGone):
			c.gone()
			return false, nil
		case err != nil:
			return false, err
		}
		if err := c.writeSpooled(part); errors.Is(err, errSpool) {
			return false, err
		} else if err != nil {
			c.gone()
			return false, nil
		}
		b.Skip(part.Length)
		sent += part.Length
	}
}

// writeSpooled writes a part to the client.
func (c *client) writeSpooled(part spool.Part) error {
	if !part.InFile() {
		return c.write(part.Bytes)
	}
	done := int64(0)
	return c.persist(func() (int64, error) {
		n, err := c.outlet.writeFile(part, done, &c.s.buffers)
		done += n
		return n, err
	})
}

// run takes the answer from the app.
func (f *follower) run(c *client) {
	defer close(f.done)
	defer func() {
		if failure := recover(); failure != nil {
			c.s.panicked("follower panicked", failure)
			f.body.End(errors.New("panic while taking an answer"))
		}
	}()
	r := f.r
	for {
		part, err := r.body.peek()
		if err == io.EOF {
			r.endWatch(true)
			break
		}
		if err == nil {
			r.show(part, r.body.endsWith(len(part)))
			err = f.push(c, part)
		}
		if err != nil {
			f.body.End(err)
			return
		}
		f.taken += int64(len(part))
		r.body.skip(len(part))
	}
	if f.length == lengthChunked {
		end := append(append(append([]byte(nil), lastChunk...), r.body.trailer...), crlf...)
		if err := f.hand(c, end); err != nil {
			return
		}
	}
	f.release(c)
	f.body.End(nil)
}

// push hands a part of the answer over, as the client is to be sent it.
func (f *follower) push(c *client, part []byte) error {
	if f.length != lengthChunked {
		return f.hand(c, part)
	}
	var size [20]byte
	if err := f.hand(c, append(strconv.AppendInt(size[:0], int64(len(part)), 16), "\r\n"...)); err != nil {
		return err
	}
	if err := f.hand(c, part); err != nil {
		return err
	}
	return f.hand(c, crlf)
}

func (f *follower) hand(c *client, p []byte) error {
	waited, err := f.body.Push(p)
	if waited && !f.held {
		f.held = true
		c.s.metrics.spoolFull["held"].Inc()
	}
	return err
}

// release gives the app's connection back when the answer was taken, unless an upload
// is under way on it.
func (f *follower) release(c *client) {
	u := c.req.upload
	if u != nil && !u.isDone() || !f.conn.CompareAndSwap(connFollowed, connReleased) {
		return
	}
	f.a.release(f.r.keep && f.r.body.done && (u == nil || u.whole))
}

// cut ends the taking of an answer that its client does not get.
func (f *follower) cut() {
	f.body.Abandon()
	if f.conn.CompareAndSwap(connFollowed, connCut) {
		_ = f.a.streamConn.Close()
	}
}
