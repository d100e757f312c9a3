package wire

import (
	"bufio"
	"io"
	"time"
)

// tunnel answers 101 and then carries bytes both ways until both sides have ended.
// The end of one side is passed to the other, which may go on.
func (r *Answer) tunnel(c *client) {
	a := r.conn
	c.req.tunnel = true
	c.head = c.appendAppHead(c.head[:0], &r.Header, lengthHeader)
	if !c.sendHead(lengthHeader, nil) {
		a.close()
		return
	}
	c.s.metrics.tunnels.Inc()
	defer c.s.metrics.tunnels.Dec()
	c.readBy(time.Time{})
	c.writeUntil = time.Time{}
	_ = c.SetWriteDeadline(time.Time{})
	_ = a.SetReadDeadline(time.Time{})
	c.req.inBody = false
	up := make(chan struct{})
	go func() {
		defer close(up)
		carry(a.streamConn, c.br, c.streamConn)
	}()
	carry(c.streamConn, a.br, a.streamConn)
	<-up
	c.req.closing = true
	a.close()
}

// carry copies from one connection to another, what was read ahead first. When a
// side fails rather than ends, both are closed.
func carry(to streamConn, ahead *bufio.Reader, from streamConn) {
	early, _ := ahead.Peek(ahead.Buffered())
	_, err := to.Write(early)
	if err == nil {
		_, err = io.Copy(to, from) // spliced in the kernel
	}
	if err == nil {
		err = to.CloseWrite()
	}
	if err != nil {
		_ = to.Close()
		_ = from.Close()
	}
}

// admitUpgrade takes one of upstream.max_upgrades places, which is given back when the
// request is over.
func (s *Server) admitUpgrade(r *Request) bool {
	if s.upgrades.Add(1) > int64(r.client.now.Upstream.MaxUpgrades) {
		s.upgrades.Add(-1)
		return false
	}
	r.admitted = true
	return true
}

// leaveUpgrade gives a request's place back, where it has one.
func (s *Server) leaveUpgrade(r *Request) {
	if r.admitted {
		r.admitted = false
		s.upgrades.Add(-1)
	}
}
