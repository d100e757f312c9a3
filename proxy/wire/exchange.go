package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

const (
	tinyBody     = 4 << 10               // bytes of a request body that is kept behind the head
	smallBody    = 64 << 10              // bytes of a request body that is sent along with the head
	maxAttempts  = 6                     // connections tried for one request; from the third on, new ones
	maxInterim   = 100                   // 1xx answers before the final one
	uploadMoment = 20 * time.Millisecond // that an upload gets to be seen as ended
)

// Ask sends the request to the app, in that form, and reads the head of its answer. It
// may be called once only, and the Answer is to be ended. An error is for Fail.
//
// The body is read first, unless it is to be streamed. A large one goes over a
// connection of its own, so that it never meets one that the app is about to close.
func (r *Request) Ask(form Form) (*Answer, error) {
	c := r.client
	s := c.s
	if r.readFacts().loops {
		return nil, rejectLoop
	}
	s.warnUntrusted(c)
	if r.upgrade != nil && !s.admitUpgrade(r) {
		return nil, rejectUpgrades
	}
	if err := c.readBody(); err != nil {
		return nil, err
	}
	if r.traced == nil {
		return r.ask(form, nil)
	}
	return r.askTraced(form)
}

// ask is Ask, of a request whose body was read. Resent, where not nil, counts how often it
// was sent again.
func (r *Request) ask(form Form, resent *int) (*Answer, error) {
	c := r.client
	s := c.s
	c.asked = c.appendHead(c.asked[:0], form)
	if !r.body.done && !r.streamed {
		if err := c.appendSmallBody(); err != nil {
			return nil, err
		}
	}
	asked, repeated := time.Now(), false
	for attempt := 1; ; attempt++ {
		a, err := s.pool.acquire(c, r.needsUpload() || repeated || attempt > 2)
		if err != nil {
			return nil, err
		}
		a.attach(c)
		if err = a.exchange(c.asked); err == nil {
			if r.upload == nil {
				r.dropSpooled()
			}
			r.waited = time.Since(asked)
			return &a.answer, nil
		}
		again := r.upload == nil && attempt < maxAttempts && errors.Is(err, errNoAnswer) && a.got == 0
		if again && !a.unseen() {
			// A fresh connection that dies without an answer died of the request, most
			// likely: a query that kills one worker is not to kill another. Where the app
			// itself has gone it restarts, and what waited in its queue died of that.
			again = isSafe(c.header.Method()) && (a.reused || !r.outlived && s.pool.appIsGone(c))
			r.outlived = !a.reused
			repeated = true
		}
		a.close()
		if u := r.upload; u != nil {
			if failure := u.stop(); failure != nil {
				err = failure
			}
		}
		if !again {
			return nil, err
		}
		s.metrics.retries.Inc()
		if resent != nil {
			*resent++
		}
	}
}

// needsUpload says whether the body is sent while the answer may come already.
func (r *Request) needsUpload() bool {
	return r.streamed || r.spooled != nil && r.spooled.Len() > smallBody
}

// appendSmallBody reads the request's body behind the head.
func (c *client) appendSmallBody() error {
	if err := c.startBody(); err != nil {
		return err
	}
	start := len(c.asked)
	c.asked = append(c.asked, make([]byte, c.req.body.left)...)
	if _, err := io.ReadFull(&c.req.body, c.asked[start:]); err != nil {
		return bodyError(err)
	}
	c.req.inBody = false
	return nil
}

// startBody asks a client that waits for it to send the body.
func (c *client) startBody() error {
	c.req.inBody = true
	if !c.req.expect {
		return nil
	}
	c.req.expect = false
	if err := c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
		return errClientGone
	}
	return nil
}

// bodyError says what an error of reading a client's body means.
func bodyError(err error) error {
	var network net.Error
	switch {
	case errors.Is(err, errChunk):
		return rejectChunk
	case errors.As(err, &network) && network.Timeout():
		return rejectTimeout
	}
	return fmt.Errorf("%w: %w", errClientGone, err)
}

// exchange sends the request and reads the head of the answer.
func (a *appConn) exchange(head []byte) error {
	r := &a.client.req
	upload := r.needsUpload()
	var err error
	if r.spooled == nil || upload {
		a.outlet.set(head)
		err = a.send()
	} else {
		err = a.sendWith(head, r.spooled)
	}
	if err != nil && a.written == 0 {
		a.lastErr = err
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	if errors.Is(err, errSpool) {
		return err
	}
	if upload && err == nil {
		if err := a.startUpload(); err != nil {
			return err
		}
	}
	// The app may have answered although it did not take all of the request.
	return a.readHead()
}

// sendWith writes the head, and a small body that was spooled behind it.
func (a *appConn) sendWith(head []byte, b *spool.Body) error {
	b.Rewind()
	parts := append(make([][]byte, 0, maxParts), head)
	for {
		part, err := b.Next()
		if err == nil && part.InFile() {
			part.Bytes = make([]byte, part.Length)
			_, err = part.ReadAt(part.Bytes, 0)
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("%w: %w", errSpool, err)
		}
		b.Skip(part.Length)
		if parts = append(parts, part.Bytes); err == nil && len(parts) < maxParts {
			continue
		}
		a.outlet.set(parts...)
		if failure := a.send(); failure != nil || err == io.EOF {
			return failure
		}
		parts = parts[:0]
	}
}

// send writes what the outlet was given. Only what is more than the kernel takes at
// once is worth a limit on how long the app may take nothing.
func (a *appConn) send() error {
	if a.written+a.outlet.left <= 8<<10 {
		n, err := a.outlet.write()
		a.written += n
		return err
	}
	err := persist(a.raw, a.pool.stall, a.SetWriteDeadline, func() (int64, error) {
		n, err := a.outlet.write()
		a.written += n
		return int64(n), err
	})
	_ = a.SetWriteDeadline(time.Time{})
	now := time.Now()
	a.headBy = now.Add(a.client.now.Upstream.ResponseTimeout)
	a.wait(now)
	return err
}

// readHead reads the head of the final answer, and passes interim ones on.
func (a *appConn) readHead() error {
	r := &a.answer
	if err := a.await(); err != nil {
		return a.headError(err)
	}
	for range maxInterim {
		if err := r.Header.readFrom(a.br); err != nil {
			return a.headError(err)
		}
		status := r.Header.StatusCode()
		if status >= 200 || status == 101 {
			a.headBy = time.Time{}
			return r.readFraming()
		}
		if status < 100 {
			return errBadAnswer
		}
		if err := a.client.sendInterim(&r.Header); err != nil {
			return errClientGone
		}
	}
	return errBadAnswer
}

func (a *appConn) headError(err error) error {
	if a.lastErr == nil { // every byte was read; it is their meaning
		return fmt.Errorf("%w: %w", errBadAnswer, err)
	}
	for _, known := range []error{errClientGone, errResponseTimeout} {
		if errors.Is(a.lastErr, known) {
			return known
		}
	}
	return fmt.Errorf("%w: %w", errNoAnswer, a.lastErr)
}

// unseen says whether the app cannot have acted upon the request: nothing of it
// was written, or the app closed its side, in order and not by a reset, before its
// machine had received a byte of it. The end of the app's stream carries an
// acknowledgement of all that was received until then, and it covers none of ours.
func (a *appConn) unseen() bool {
	if a.written == 0 {
		return true
	}
	ended := a.lastErr == io.EOF || errors.Is(a.lastErr, syscall.EPIPE)
	_, tcp := a.streamConn.(*net.TCPConn) // of other sockets the kernel counts memory, not bytes
	return ended && tcp && undelivered(a.raw) >= a.written
}

// isSafe says whether a request may be repeated although the app may have seen
// it. PUT and DELETE are idempotent by the book, but a second DELETE answers 404.
func isSafe(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}
