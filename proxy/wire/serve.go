package wire

import (
	"bytes"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// serveNext reads one request and answers it. It returns false when the
// connection is over.
func (c *client) serveNext(first bool) bool {
	raw, err := c.awaitHead(first)
	c.refreshSettings()
	c.req = Request{client: c, started: time.Now(), length: -1, body: body{trailer: c.req.body.trailer[:0]}}
	c.outlet.work.Begin()
	c.acquireScratch()
	defer c.releaseScratch()
	c.own.Header.SetNoDefaultContentType(true)
	if err == nil {
		err = c.readRequest(raw)
	}
	if err != nil {
		reason, refused := err.(*rejection)
		if reason == rejectTLS {
			c.s.warnTLS(c)
		}
		if !refused || reason == rejectTLS {
			_ = c.streamConn.Close()
			return false
		}
		c.refuse(reason)
		return c.finish()
	}
	c.beginTrace()
	c.handle()
	return c.finish()
}

// readRequest checks the framing of a raw head, lets fasthttp parse it, and sets the
// request up.
func (c *client) readRequest(raw []byte) error {
	h, err := checkHead(raw)
	if err != nil {
		return err
	}
	r := &c.req
	header := &c.header
	size, buffered := len(raw), c.br.Buffered()
	targetLength := len(h.target)
	if err := header.Read(c.br); err != nil || buffered-c.br.Buffered() != size {
		return rejectValue
	}
	uri := header.RequestURI()
	r.target = uri[len(uri)-targetLength:]
	r.host = header.Host()
	r.http10, r.named, r.length = h.http10, h.named, h.length
	r.closing = h.close || h.http10 && !h.keepAlive || c.s.draining.Load()
	switch {
	case h.chunked:
		r.body.reset(c.br, bodyChunked, 0)
	case h.length > 0:
		r.body.reset(c.br, bodySized, h.length)
	default:
		r.body.reset(c.br, bodyNone, 0)
	}
	r.body.dashes = !c.now.Upstream.AllowUnderscores
	if h.connection && h.upgrade != nil && !h.http10 && r.body.done && !isH2C(h.upgrade) {
		r.upgrade = header.Peek("Upgrade")
	}
	r.expect = h.expect && !h.http10
	if most := c.now.Server.MaxRequestBody; most > 0 && h.length > most {
		return rejectBodySize
	}
	return nil
}

// isH2C finds the upgrade to HTTP/2 that would take a connection past every rule
// of this proxy.
func isH2C(protocols []byte) bool {
	for protocol := range field.Tokens(protocols) {
		if field.Is(protocol, "h2c") {
			return true
		}
	}
	return false
}

// handle runs the Handler, and survives its panics.
func (c *client) handle() {
	defer func() {
		failure := recover()
		if failure == nil {
			return
		}
		c.s.panicked("handler panicked", failure)
		c.own.Reset()
		c.own.Header.SetNoDefaultContentType(true)
		c.req.AnswerDetail(500, "Internal error.")
		c.req.closing = true
		c.req.aborted = c.req.answered
	}()
	c.now.handler.Serve(&c.req)
}

// panicked counts and logs a panic, from the function that recovered it.
func (s *Server) panicked(what string, failure any) {
	s.metrics.panics.Inc()
	s.log.Error(what, slog.Any("panic", failure), slog.String("stack", string(debug.Stack())))
}

// refuse answers a request whose head is not to be trusted, and ends the
// connection.
func (c *client) refuse(reason *rejection) {
	if c.req.target == nil { // fasthttp has not parsed it
		c.req.origin = c.originOfBadHead()
	}
	c.req.closing = true
	c.req.Fail(reason)
}

// originOfBadHead looks for the origin in what was read of a head that is refused: the
// page that made the request is to be told why.
func (c *client) originOfBadHead() []byte {
	if c.br == nil {
		return nil
	}
	raw, _ := c.br.Peek(c.br.Buffered())
	for line := range bytes.Lines(raw) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if name, value, ok := field.Cut(line); ok && field.Is(name, "origin") && !field.HasControl(value) {
			return value
		}
	}
	return nil
}

// finish sends an answer that is not sent yet, leaves nothing of the request behind,
// and says whether the connection goes on.
func (c *client) finish() bool {
	r := &c.req
	if app := c.app.Load(); app != nil { // a handler that failed left it
		app.close()
	}
	if !r.answered && !r.aborted {
		c.respond()
	}
	unread := c.finishBody()
	c.observe()
	switch {
	case r.aborted:
		cut(c.streamConn)
		return false
	case r.closing && unread:
		c.linger()
		return false
	case r.closing:
		_ = c.streamConn.Close()
		return false
	}
	r.inBody = false
	c.header.Reset()
	c.own.Reset()
	if c.br.Buffered() == 0 && len(c.pending) == 0 {
		c.releaseReader()
	}
	return true
}

// finishBody reads past what is left of a small body, and says whether more than
// that is unread.
func (c *client) finishBody() (unread bool) {
	r := &c.req
	if r.upload != nil {
		_ = r.upload.stop() // its error was told where the request failed
	}
	r.dropSpooled()
	c.s.leaveUpgrade(r)
	if r.body.br == nil { // a head that was refused: whatever follows it is unread
		return true
	}
	if r.aborted || r.body.done {
		return false
	}
	if r.closing || r.expect {
		r.closing = true
		return true
	}
	r.inBody = true
	_, _ = io.CopyN(io.Discard, &r.body, maxDrain)
	r.closing = !r.body.done
	return r.closing
}

// linger lets the client read its answer although it is still sending: closing on
// unread bytes would reset the connection and could take the answer with it.
func (c *client) linger() {
	_ = c.CloseWrite()
	c.req.inBody = false
	c.readBy(time.Now().Add(c.s.linger))
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{c.streamConn})
	_ = c.streamConn.Close()
}
