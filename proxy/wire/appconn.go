package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// appConn is a connection to the app. While a request uses it, it belongs to that
// request's goroutine.
type appConn struct {
	streamConn
	pool      *pool
	raw       syscall.RawConn
	look      func(fd uintptr)
	unasked   bool
	outlet    outlet
	made      time.Time
	idleSince time.Time
	reused    bool

	client   *client
	br       *bufio.Reader // from the first byte of an answer to its end
	fill     func(fd uintptr) bool
	fillErr  error
	probing  int // the descriptor that Read must not block on, plus one
	answer   Answer
	got      int64         // bytes of this answer that were read
	written  int           // bytes of this request that were written, but for an upload's
	lastErr  error         // of the last Read
	taken    func()        // is told that the answer is over; nil: nobody is
	headBy   time.Time     // until when the answer must begin; zero: it has
	bounded  bool          // Reads may wait for no longer than patience
	patience time.Duration // what is left of it
	since    time.Time     // when the Read that counts against it began
}

// stale says whether the app closed the connection, or sent something nobody asked
// for, while it was idle.
func (a *appConn) stale() bool {
	return a.raw.Control(a.look) != nil || a.unasked
}

func (a *appConn) lookAt(fd uintptr) { a.unasked = readable(int(fd)) }

// attach readies the connection for a request.
func (a *appConn) attach(c *client) {
	a.client, a.answer.client = c, c
	a.got, a.written, a.lastErr, a.bounded = 0, 0, nil, false
	now := time.Now()
	a.headBy = now.Add(a.client.now.Upstream.ResponseTimeout)
	a.wait(now)
	c.app.Store(a)
}

// wait sets the deadline at which a Read looks around.
func (a *appConn) wait(now time.Time) {
	next := tick
	if a.bounded {
		next = min(next, max(a.patience-now.Sub(a.since), 0))
	}
	if !a.headBy.IsZero() {
		next = min(next, max(a.headBy.Sub(now), 0))
	}
	_ = a.SetReadDeadline(now.Add(max(next, time.Millisecond)))
}

// await waits for the first bytes of an answer. Until they are there the connection
// holds no buffer: waiting takes most of a request's time, and a buffer that goes
// from one answer to the next stays in the processor's cache.
func (a *appConn) await() error {
	for {
		err := a.raw.Read(a.fill)
		if err == nil {
			return a.fillErr
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if err = a.lookAround(time.Now()); err == nil {
				continue
			}
		}
		a.lastErr = err
		return err
	}
}

func (a *appConn) fillFrom(fd uintptr) bool {
	br := a.pool.buffers.Get().(*bufio.Reader)
	br.Reset(a)
	a.probing = int(fd) + 1
	_, err := br.Peek(1)
	a.probing = 0
	if err == unix.EAGAIN {
		a.pool.buffers.Put(br)
		return false
	}
	a.br, a.fillErr = br, err
	return true
}

// Read is what br reads from. While the app is silent it looks at the client and
// at the limits every now and then, which costs an ordinary request nothing.
func (a *appConn) Read(p []byte) (int, error) {
	if a.probing > 0 {
		n, err := readNonblocking(a.probing-1, p)
		if n == 0 && err == nil {
			err = io.EOF
		}
		if a.got += int64(n); err != unix.EAGAIN {
			a.lastErr = err
		}
		return n, err
	}
	if a.bounded {
		a.since = time.Now()
		a.wait(a.since)
		defer func() { a.patience -= time.Since(a.since) }()
	}
	for {
		n, err := a.streamConn.Read(p)
		a.got += int64(n)
		if err == nil || n > 0 {
			return n, err
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if err = a.lookAround(time.Now()); err == nil {
				continue
			}
		}
		a.lastErr = err
		return 0, err
	}
}

// lookAround says why the wait for the app is over; nil: it is not.
func (a *appConn) lookAround(now time.Time) error {
	if u := a.client.req.upload; u != nil && !a.headBy.IsZero() && !u.isDone() {
		a.headBy = now.Add(a.client.now.Upstream.ResponseTimeout) // the wait begins when the upload ends
	}
	switch {
	case a.client.left():
		return errClientGone
	case !a.headBy.IsZero() && !now.Before(a.headBy):
		return errResponseTimeout
	case a.bounded && now.Sub(a.since) >= a.patience:
		return fmt.Errorf("app's answer stalled: %w", os.ErrDeadlineExceeded)
	}
	a.wait(now)
	return nil
}

// release ends the use of the connection, and keeps it for others or closes it.
func (a *appConn) release(keep bool) {
	a.answer.endWatch(false)
	if a.taken != nil {
		a.taken()
		a.taken = nil
	}
	a.client.app.Store(nil)
	a.client = nil
	if a.br != nil {
		keep = keep && a.br.Buffered() == 0
		a.br.Reset(nil)
		a.pool.buffers.Put(a.br)
		a.br = nil
	}
	if keep {
		a.pool.put(a)
		return
	}
	_ = a.streamConn.Close()
	<-a.pool.slots
}

// close ends the use of the connection in the middle of something.
func (a *appConn) close() { a.release(false) }
