package proxy

import (
	"bufio"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	clientBuffer = 4 << 10                // bytes; a larger head gets a larger one
	drainQuiet   = 250 * time.Millisecond // that an idle connection is kept when draining
	lingerTime   = 2 * time.Second        // that an unread upload is listened to after its answer
	maxDrain     = 256 << 10              // bytes of an unread body that are read past
)

// client is one connection of a client, and the goroutine that serves it. All
// fields but the atomic ones are that goroutine's.
type client struct {
	streamConn
	s   *Server
	raw syscall.RawConn
	ctx fasthttp.RequestCtx
	req request

	peer    []byte // the address, as headers and logs have it
	trusted bool   // it is one of server.trusted_proxies

	br      *bufio.Reader // nil while idle
	pending []byte        // read before br's buffer was exchanged for a larger one
	probing int           // the descriptor that Read must not block on, plus one
	fillErr error
	fill    func(fd uintptr) bool

	readUntil  time.Time // the read deadline that is set
	writeUntil time.Time // the write deadline that is set
	out        []byte    // scratch for heads
	path       []byte    // scratch for canonical paths
	ownID      []byte    // scratch for request ids
	outlet     outlet

	idle atomic.Bool             // between two requests
	app  atomic.Pointer[appConn] // in use for the request in hand
}

// request is what is known of the request in hand, and of its answer.
type request struct {
	started  time.Time
	waited   time.Duration // for the app's answer to begin; 0: it was not asked
	target   []byte        // origin form, as sent
	path     []byte        // canonical, see Server.path
	host     []byte
	upgrade  []byte // the protocol asked for; nil: none
	length   int64  // Content-Length; -1: none
	named    bool   // Connection names further headers
	http10   bool
	body     body
	expect   bool // the client waits for 100 Continue before it sends the body
	inBody   bool // the body is being read
	facts    facts
	upload   *upload
	tunnel   bool
	closing  bool // the connection ends after this answer
	aborted  bool // the answer is broken: the connection is cut
	answered bool // the head of the answer was sent
	status   int
	sent     int64 // bytes of the answer's body
	route    routeName
	cache    string // parameters of Cache-Status
}

func (s *Server) newClient(conn streamConn) (*client, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &client{streamConn: conn, s: s, raw: raw}
	c.peer, c.trusted = s.peers.of(conn.RemoteAddr())
	c.fill = c.fillFrom
	c.outlet.init(raw)
	c.ctx.Init2(c, noLogger{}, false)
	return c, nil
}

// serve answers the connection's requests one after another, until it ends.
func (c *client) serve() {
	defer c.s.forget(c)
	defer c.releaseReader()
	defer c.survive()
	for first := true; c.serveNext(first); first = false {
	}
}

// survive ends the connection, and nothing else, where something but a handler
// panics.
func (c *client) survive() {
	failure := recover()
	if failure == nil {
		return
	}
	c.s.panicked("connection panicked", failure)
	cut(c.streamConn)
	if app := c.app.Load(); app != nil {
		app.close()
	}
	if u := c.req.upload; u != nil {
		_ = u.stop()
	}
}

// Read is what br reads from. It bounds stalls in the middle of a body.
func (c *client) Read(p []byte) (int, error) {
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	if c.probing > 0 {
		n, err := readNonblocking(c.probing-1, p)
		if n == 0 && err == nil {
			err = io.EOF
		}
		return n, err
	}
	if c.req.inBody {
		now, stall := time.Now(), c.s.cfg.Server.IdleTimeout
		if left := c.readUntil.Sub(now); left < stall/2 || left > stall {
			c.readBy(now.Add(stall))
		}
		if u := c.req.upload; u != nil && u.stopping.Load() { // its deadline may have been overwritten just now
			return 0, os.ErrDeadlineExceeded
		}
	}
	return c.streamConn.Read(p)
}

func (c *client) readBy(deadline time.Time) {
	c.readUntil = deadline
	_ = c.SetReadDeadline(deadline)
}

// noLogger takes what fasthttp would log of a request; errors are logged by who
// handles them.
type noLogger struct{}

func (noLogger) Printf(string, ...any) {}
