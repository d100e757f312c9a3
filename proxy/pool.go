package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	appBuffer = 128 << 10              // bytes read from the app at once
	tick      = 250 * time.Millisecond // how often a wait for the app looks at the client
)

// The errors of a round trip; failed has the table of what they mean.
var (
	errUnreachable     = errors.New("app cannot be reached")
	errNoConnection    = errors.New("no connection to the app is free")
	errResponseTimeout = errors.New("app did not answer in time")
	errNoAnswer        = errors.New("app closed the connection without an answer")
	errBadAnswer       = errors.New("app's answer cannot be understood")
	errClientGone      = errors.New("client went away")
)

// pool keeps the connections to the app.
type pool struct {
	network, address string
	host             []byte // Host of the app's own URL
	cfg              UpstreamConfig
	metrics          *Metrics
	slots            chan struct{} // one for each connection in use
	buffers          sync.Pool     // *bufio.Reader of appBuffer

	mu     sync.Mutex
	idle   []*appConn // the one used last at the end
	reaper *time.Timer
	closed bool
}

func newPool(cfg UpstreamConfig, metrics *Metrics) (*pool, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("upstream.url: %w", err)
	}
	p := &pool{network: "tcp", address: u.Host, host: []byte(u.Host), cfg: cfg, metrics: metrics}
	if u.Port() == "" {
		p.address = net.JoinHostPort(u.Hostname(), "80")
	}
	p.slots = make(chan struct{}, cfg.MaxConns)
	p.buffers.New = func() any { return bufio.NewReaderSize(nil, appBuffer) }
	return p, nil
}

// take returns a connection for c's request: one that was used before, unless a
// fresh one is asked for, or else a new one.
func (p *pool) take(c *client, fresh bool) (*appConn, error) {
	if err := p.takeSlot(c); err != nil {
		return nil, err
	}
	for !fresh {
		a := p.pop()
		if a == nil {
			break
		}
		if time.Since(a.idleSince) < p.cfg.IdleTimeout && !a.stale() {
			a.reused = true
			return a, nil
		}
		_ = a.streamConn.Close()
	}
	a, err := p.dial()
	if err != nil {
		<-p.slots
		return nil, err
	}
	return a, nil
}

// takeSlot waits for one of max_conns connections, for as long as connecting may
// take.
func (p *pool) takeSlot(c *client) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(p.cfg.ConnectTimeout)
	defer timer.Stop()
	look := time.NewTicker(tick)
	defer look.Stop()
	for {
		select {
		case p.slots <- struct{}{}:
			return nil
		case <-timer.C:
			return errNoConnection
		case <-look.C:
			if closedByPeer(c.raw) {
				return errClientGone
			}
		}
	}
}

func (p *pool) dial() (*appConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.ConnectTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, p.network, p.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	a := &appConn{streamConn: conn.(*net.TCPConn), pool: p}
	if a.raw, err = a.SyscallConn(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	a.look, a.fill = a.lookAt, a.fillFrom
	a.answer.conn = a
	a.answer.Header.SetNoDefaultContentType(true)
	return a, nil
}

func (p *pool) pop() *appConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	a := p.idle[n]
	p.idle[n] = nil
	p.idle = p.idle[:n]
	return a
}

// put keeps a connection whose last answer was read whole.
func (p *pool) put(a *appConn) {
	a.idleSince = time.Now()
	p.mu.Lock()
	keep := !p.closed
	if keep {
		p.idle = append(p.idle, a)
		if p.reaper == nil {
			p.reaper = time.AfterFunc(p.cfg.IdleTimeout, p.reap)
		}
	}
	p.mu.Unlock()
	if !keep {
		_ = a.streamConn.Close()
	}
	<-p.slots
}

// reap closes connections that were not used for too long, and comes again while
// there are others.
func (p *pool) reap() {
	p.mu.Lock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].idleSince) >= p.cfg.IdleTimeout {
		_ = p.idle[old].streamConn.Close()
		old++
	}
	kept := copy(p.idle, p.idle[old:])
	clear(p.idle[kept:])
	p.idle = p.idle[:kept]
	if kept == 0 || p.closed {
		p.reaper = nil
	} else {
		p.reaper.Reset(max(p.cfg.IdleTimeout-time.Since(p.idle[0].idleSince), time.Millisecond))
	}
	p.mu.Unlock()
}

// close closes the idle connections, and each other one when its request ends.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.reaper != nil {
		p.reaper.Stop()
	}
	for _, a := range p.idle {
		_ = a.streamConn.Close()
	}
	p.idle = nil
}

// appConn is a connection to the app. While a request uses it, it belongs to that
// request's goroutine.
type appConn struct {
	streamConn
	pool      *pool
	raw       syscall.RawConn
	look      func(fd uintptr)
	poll      [1]unix.PollFd
	idleSince time.Time
	reused    bool

	client   *client
	br       *bufio.Reader // from the first byte of an answer to its end
	fill     func(fd uintptr) bool
	fillErr  error
	probing  int // the descriptor that Read must not block on, plus one
	answer   appResponse
	got      int64 // bytes of this answer that were read
	written  int   // bytes of this request's head that were written
	lastErr  error // of the last Read
	headBy   time.Time     // until when the answer must begin; zero: it has
	stall    time.Duration // of a Read; 0: none
	since    time.Time     // when the Read with that limit began
	uploaded int64         // when the upload was last looked at
}

// stale says whether the app closed the connection, or sent something nobody asked
// for, while it was idle.
func (a *appConn) stale() bool {
	return a.raw.Control(a.look) != nil || a.poll[0].Revents != 0
}

func (a *appConn) lookAt(fd uintptr) {
	a.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	if _, err := unix.Poll(a.poll[:], 0); err != nil && err != unix.EINTR {
		a.poll[0].Revents = unix.POLLERR
	}
}

// begin readies the connection for a request.
func (a *appConn) begin(c *client) {
	a.client = c
	a.got, a.written, a.lastErr, a.stall, a.uploaded = 0, 0, nil, 0, 0
	now := time.Now()
	a.headBy = now.Add(a.pool.cfg.ResponseTimeout)
	a.wait(now)
	c.app.Store(a)
}

// wait sets the deadline at which a Read looks around.
func (a *appConn) wait(now time.Time) {
	next := tick
	if a.stall > 0 {
		next = min(next, max(a.stall-now.Sub(a.since), 0))
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
	if a.stall > 0 {
		a.since = time.Now()
		a.wait(a.since)
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
	if u := a.client.req.upload; u != nil {
		if sent := u.sent.Load(); sent != a.uploaded { // the wait begins when the upload ends
			a.uploaded = sent
			if !a.headBy.IsZero() {
				a.headBy = now.Add(a.pool.cfg.ResponseTimeout)
			}
		}
	}
	switch {
	case closedByPeer(a.client.raw):
		return errClientGone
	case !a.headBy.IsZero() && !now.Before(a.headBy):
		return errResponseTimeout
	case a.stall > 0 && now.Sub(a.since) >= a.stall:
		return fmt.Errorf("app's answer stalled: %w", os.ErrDeadlineExceeded)
	}
	a.wait(now)
	return nil
}

// release ends the use of the connection, and keeps it for others or closes it.
func (a *appConn) release(keep bool) {
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
