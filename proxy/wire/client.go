package wire

import (
	"bufio"
	"errors"
	"io"
	"net"
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
	now *settings // of the request in hand
	raw syscall.RawConn

	header fasthttp.RequestHeader // of the request in hand
	own    fasthttp.Response      // the answer of our own, where the app's is not passed on
	req    Request
	*scratch

	remote  net.Addr
	peer    []byte // its address, as headers and logs have it
	trusted bool   // it is one of server.trusted_proxies
	mute    bool   // there is none: what it is sent is lost

	br      *bufio.Reader // nil while idle
	pending []byte        // read before br's buffer was exchanged for a larger one
	probing int           // the descriptor that Read must not block on, plus one
	fillErr error
	fill    func(fd uintptr) bool

	readUntil  time.Time // the read deadline that is set
	writeUntil time.Time // the write deadline that is set
	outlet     outlet

	idle atomic.Bool             // between two requests
	app  atomic.Pointer[appConn] // in use for the request in hand
}

// scratch are the buffers of a request in hand. Each has one job.
type scratch struct {
	asked     []byte   // the head that the app is sent, and a small body behind it
	head      []byte   // of an answer
	size      [20]byte // of a chunk
	line      []byte   // of the access log
	canonical []byte   // the path, where it came escaped
	madeID    [32]byte // X-Request-Id
	recorded  *recorded
}

const keepScratch = 16 << 10 // bytes of a buffer that waits for the next request

func (s *Server) newClient(conn streamConn) (*client, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &client{streamConn: conn, s: s, now: s.settings.Load(), raw: raw}
	c.req.client = c
	c.meet(conn.RemoteAddr())
	c.fill = c.fillFrom
	c.outlet.init(raw)
	return c, nil
}

// serve answers the connection's requests one after another, until it ends.
func (c *client) serve() {
	defer c.s.forget(c)
	defer c.releaseReader()
	defer c.survive()
	if !c.welcome() {
		return
	}
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
	c.req.dropSpooled()
	c.s.leaveUpgrade(&c.req)
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
		return c.readSlow(p)
	}
	return c.streamConn.Read(p)
}

// readSlow reads bytes of a body, for which the client has body_timeout.
func (c *client) readSlow(p []byte) (int, error) {
	began, stall := time.Now(), c.now.Server.BodyTimeout
	if left := c.readUntil.Sub(began); left < stall/2 || left > stall {
		c.readBy(began.Add(stall))
	}
	for {
		if u := c.req.upload; u != nil && u.stopping.Load() { // its deadline may have been overwritten just now
			return 0, os.ErrDeadlineExceeded
		}
		n, err := c.streamConn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) >= stall {
			return n, err
		}
		c.readBy(began.Add(stall)) // the deadline was an earlier read's
	}
}

func (c *client) readBy(deadline time.Time) {
	c.readUntil = deadline
	_ = c.SetReadDeadline(deadline)
}

// acquireScratch and releaseScratch: the buffers come with a request, and go with it.
func (c *client) acquireScratch() { c.scratch = c.s.scratches.Get().(*scratch) }

func (c *client) releaseScratch() {
	for _, buf := range []*[]byte{&c.asked, &c.head, &c.line, &c.canonical} {
		if cap(*buf) > keepScratch {
			*buf = nil
		}
	}
	c.s.scratches.Put(c.scratch)
	c.scratch = nil
}
