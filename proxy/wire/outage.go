package wire

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/upstream"
)

// outageTick is how often an app that nothing listens for is looked for: by one of the
// requests that wait for it, for all of them.
const outageTick = 50 * time.Millisecond

// outage is what requests know together of an app that restarts.
type outage struct {
	looked atomic.Int64 // Unix time in nanoseconds, when one of them looked
	ended  atomic.Int64 // how many times one of them found the app again
}

// turn says whether it is the caller's to look now.
func (o *outage) turn(now time.Time) bool {
	last := o.looked.Load()
	return now.UnixNano()-last >= int64(outageTick)*9/10 && o.looked.CompareAndSwap(last, now.UnixNano())
}

// dialAgain connects to an app that was not there, for upstream.restart_grace. No byte of
// the request was written. The request keeps its place among max_conns meanwhile, so that
// no more than those wait.
func (p *pool) dialAgain(c *client, refused error) (*appConn, error) {
	r := &c.req
	if r.waitUntil.IsZero() { // it may die with one app and wait for the next
		r.waitUntil = time.Now().Add(c.now.Upstream.RestartGrace)
		c.s.metrics.restartWaits.Inc()
	}
	again := time.NewTicker(outageTick)
	defer again.Stop()
	for ended := p.outage.ended.Load(); ; {
		select {
		case <-again.C:
		case <-c.s.ctx.Done():
			return nil, refused
		}
		now := time.Now()
		switch {
		case closedByPeer(c.raw):
			return nil, errClientGone
		case now.After(r.waitUntil):
			return nil, refused
		case p.outage.ended.Load() == ended && !p.outage.turn(now):
			continue
		}
		a, err := p.dial(c)
		if err == nil {
			p.outage.ended.Add(1)
			return a, nil
		}
		if !upstream.Refuses(err) {
			return nil, err
		}
		ended, refused = p.outage.ended.Load(), err
	}
}

// appIsGone says whether nothing listens for the app, where requests wait for one that
// restarts.
func (p *pool) appIsGone(c *client) bool {
	if c.now.Upstream.RestartGrace <= 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.now.Upstream.ConnectTimeout)
	defer cancel()
	conn, err := p.app.Dial(ctx, "", "")
	if err == nil {
		_ = conn.Close()
	}
	return err != nil && upstream.Refuses(err)
}
