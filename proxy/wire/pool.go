package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/upstream"
)

const (
	appBuffer = 128 << 10   // bytes read from the app at once
	appStall  = time.Minute // in which the app takes some of a request, or fails
	// nameLifetime is how long a connection to an app at a name is used: so soon do changed
	// addresses count, however busy it is.
	nameLifetime = 30 * time.Second
	tick         = 250 * time.Millisecond // how often a wait for the app looks at the client
)

// The errors of a round trip; failures is the table of what they mean.
var (
	errUnreachable     = errors.New("app cannot be reached")
	errNoConnection    = errors.New("no connection to the app is free")
	errResponseTimeout = errors.New("app did not answer in time")
	errNoAnswer        = errors.New("app closed the connection without an answer")
	errBadAnswer       = errors.New("app's answer cannot be understood")
	errClientGone      = errors.New("client went away")
	errSpool           = errors.New("spooled body cannot be read")
)

// pool keeps the connections to the app.
type pool struct {
	app         *upstream.App
	host        []byte        // Host of the app's own URL
	prefix      []byte        // of every target at the app
	idleTimeout atomic.Int64  // a time.Duration, that a connection is kept unused
	stall       time.Duration // in which the app takes some of a request
	oldest      time.Duration // that a connection is used for, where the app is at a name
	slots       chan struct{} // one for each connection in use
	buffers     sync.Pool     // *bufio.Reader of appBuffer
	outage      outage

	mu     sync.Mutex
	idle   []*appConn // the one used last at the end
	reaper *time.Timer
	closed bool
}

func newPool(cfg UpstreamConfig) (*pool, error) {
	app, err := upstream.New(cfg.Place())
	if err != nil {
		return nil, err
	}
	p := &pool{app: app, host: []byte(app.Host()), prefix: []byte(app.Prefix()), stall: appStall, oldest: math.MaxInt64}
	if app.Named() {
		p.oldest = nameLifetime
	}
	p.idleTimeout.Store(int64(cfg.IdleTimeout))
	p.slots = make(chan struct{}, cfg.MaxConns)
	p.buffers.New = func() any { return bufio.NewReaderSize(nil, appBuffer) }
	return p, nil
}

// acquire returns a connection for c's request: one that was used before, unless a
// fresh one is asked for, or else a new one.
func (p *pool) acquire(c *client, fresh bool) (*appConn, error) {
	if err := p.acquireSlot(c); err != nil {
		return nil, err
	}
	for !fresh {
		a := p.pop()
		if a == nil {
			break
		}
		if now := time.Now(); now.Sub(a.idleSince) < c.now.Upstream.IdleTimeout && now.Sub(a.made) < p.oldest && !a.stale() {
			a.reused = true
			return a, nil
		}
		_ = a.streamConn.Close()
	}
	a, err := p.dial(c)
	if err != nil && c.now.Upstream.RestartGrace > 0 && upstream.Refuses(err) {
		a, err = p.dialAgain(c, err)
	}
	if err != nil {
		<-p.slots
		return nil, err
	}
	return a, nil
}

// acquireSlot waits for one of max_conns connections, for as long as connecting may
// take.
func (p *pool) acquireSlot(c *client) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(c.now.Upstream.ConnectTimeout)
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
			if c.left() {
				return errClientGone
			}
		}
	}
}

func (p *pool) dial(c *client) (*appConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.now.Upstream.ConnectTimeout)
	defer cancel()
	conn, err := p.app.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	a := &appConn{streamConn: conn, pool: p, made: time.Now()}
	if a.raw, err = a.SyscallConn(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	a.outlet.init(a.raw)
	a.look, a.fill = a.lookAt, a.fillFrom
	a.answer.conn = a
	a.answer.Header.read.SetNoDefaultContentType(true)
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
			p.reaper = time.AfterFunc(p.keptFor(), p.reap)
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
	for _, a := range p.takeOld() {
		_ = a.streamConn.Close()
	}
}

// takeOld takes them out: requests need not wait until all are closed.
func (p *pool) takeOld() []*appConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	unused := time.Now().Add(-p.keptFor())
	n, _ := slices.BinarySearchFunc(p.idle, unused, func(a *appConn, unused time.Time) int {
		if a.idleSince.After(unused) {
			return 1
		}
		return -1
	})
	old := slices.Clone(p.idle[:n])
	kept := copy(p.idle, p.idle[n:])
	clear(p.idle[kept:])
	p.idle = p.idle[:kept]
	if kept == 0 || p.closed {
		p.reaper = nil
	} else {
		p.reaper.Reset(max(p.keptFor()-time.Since(p.idle[0].idleSince), time.Millisecond))
	}
	return old
}

// keptFor is how long a connection is kept unused.
func (p *pool) keptFor() time.Duration { return time.Duration(p.idleTimeout.Load()) }

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
