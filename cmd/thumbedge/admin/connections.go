package admin

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// maxConns is how many connections the admin listener holds: some for Prometheus, the
// health checks and a few browsers. Whoever opens more must not take the descriptors
// that the proxy's own clients need.
const maxConns = 64

// connections bounds how many connections there are. One too many closes the one that
// has been without a request for longest: a health check comes in although somebody
// holds as many idle ones as there may be. Where each has a request, the newest is closed.
type connections struct {
	closed prometheus.Counter

	mu      sync.Mutex
	waiting map[net.Conn]time.Time // since when they have no request
	busy    map[net.Conn]bool
}

func newConnections(registry prometheus.Registerer) *connections {
	return &connections{
		closed: promauto.With(registry).NewCounter(prometheus.CounterOpts{
			Name: "thumbedge_admin_connections_closed_total",
			Help: "Connections to the admin listener that were closed because there were too many.",
		}),
		waiting: map[net.Conn]time.Time{},
		busy:    map[net.Conn]bool{},
	}
}

// watch is an http.Server's ConnState.
func (c *connections) watch(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, conn)
	delete(c.busy, conn)
	switch state {
	case http.StateNew:
		c.waiting[conn] = time.Now()
		if len(c.waiting)+len(c.busy) > maxConns {
			c.closed.Inc()
			_ = c.longestWaiting().Close() // its goroutine notices, and tells the end
		}
	case http.StateIdle:
		c.waiting[conn] = time.Now()
	case http.StateActive:
		c.busy[conn] = true
	}
}

// longestWaiting returns the connection that goes, and counts it no more.
func (c *connections) longestWaiting() net.Conn {
	var longest net.Conn
	for conn, since := range c.waiting {
		if longest == nil || since.Before(c.waiting[longest]) {
			longest = conn
		}
	}
	delete(c.waiting, longest)
	return longest
}
