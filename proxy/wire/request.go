package wire

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

// Request is the request in hand, and what is known of its answer. It belongs to the
// goroutine that serves it and is over when the Handler returns: so are the slices that
// its methods return.
type Request struct {
	client    *client
	started   time.Time
	waited    time.Duration // for the app's answer to begin; 0: it was not asked
	target    []byte        // origin form, as sent
	hidden    bool          // what was sent is another, and nobody's to know
	path      []byte        // canonical, see Path
	host      []byte
	upgrade   []byte // the protocol asked for; nil: none
	length    int64  // Content-Length; -1: none
	named     bool   // Connection names further headers
	http10    bool
	body      body
	expect    bool // the client waits for 100 Continue before it sends the body
	inBody    bool // the body is being read
	facts     facts
	upload    *upload
	streamed  bool        // the body, or its end, goes to the app as it comes
	spooled   *spool.Body // what was read of the body before that; nil: nothing
	ahead     *[]byte     // holds rest, where not nil
	spooling  bool        // the answer is: what the client does not take at once waits
	behind    *spool.Body // and is in there
	rest      []byte      // was read after it, and found no room
	appFailed bool
	tunnel    bool
	admitted  bool      // it counts among the server's upgrades
	outlived  bool      // it was sent to an app that has gone since, and is sent to the next
	waitUntil time.Time // how long it waits for an app that restarts; zero: it has not had to
	closing   bool      // the connection ends after this answer
	aborted   bool      // the answer is broken: the connection is cut
	answered  bool      // the head of the answer was sent
	status    int
	sent      int64 // bytes of the answer's body
	origin    []byte
	route     Route
	pattern   string // see MarkPattern
	cache     string // Cache-Status: what was done
	detail    string // and why
	trace
}

// Header is the request's header as it came. Read only.
func (r *Request) Header() *fasthttp.RequestHeader { return &r.client.header }

// Started is when the request's first byte was read.
func (r *Request) Started() time.Time { return r.started }

// Target is the request's target in origin form, as it was sent.
func (r *Request) Target() []byte { return r.target }

// SetTarget puts another target in the place of the one that was sent, for the app and for
// the logs. Its path must be the same. Nor are others to learn from the client's browser
// where it was: the answer says so, whoever gives it.
func (r *Request) SetTarget(target []byte) { r.target, r.hidden = target, true }

// Upgrades says whether the client asks for another protocol on its connection.
func (r *Request) Upgrades() bool { return r.upgrade != nil }

// Path is the target's path in the one form that routes are matched on: percent
// escapes decoded once, as the app decodes them, nothing else changed.
func (r *Request) Path() []byte {
	if r.path == nil {
		r.path = r.client.canonicalPath()
	}
	return r.path
}

func (c *client) canonicalPath() []byte {
	raw, _, _ := bytes.Cut(c.req.target, []byte{'?'})
	if bytes.IndexByte(raw, '%') < 0 {
		return raw
	}
	path := c.canonical[:0]
	for i := 0; i < len(raw); i++ {
		var escaped [1]byte
		if raw[i] == '%' && i+2 < len(raw) {
			if _, err := hex.Decode(escaped[:], raw[i+1:i+3]); err == nil {
				path = append(path, escaped[0])
				i += 2
				continue
			}
		}
		path = append(path, raw[i])
	}
	c.canonical = path
	return path
}

// Query is what follows the target's first question mark, as it was sent.
func (r *Request) Query() []byte {
	_, query, _ := bytes.Cut(r.target, []byte{'?'})
	return query
}

// AppHost is the Host that the app is sent.
func (r *Request) AppHost() []byte {
	if r.client.now.Upstream.PreserveHost && len(r.host) > 0 {
		return r.host
	}
	return r.client.s.pool.host
}

// ForwardedHost is the X-Forwarded-Host of a trusted peer; nil where there is none.
func (r *Request) ForwardedHost() []byte {
	if f := r.readFacts(); r.client.trusted && len(f.forwardedHost) > 0 {
		return f.forwardedHost
	}
	return nil
}

var plain, secure = []byte("http"), []byte("https")

// forwardedProto is the scheme that the app is told, "http" or "https": a trusted
// peer's X-Forwarded-Proto, or what else it said of the scheme, or else "http".
func (r *Request) forwardedProto() []byte {
	if f := r.readFacts(); r.client.trusted && len(f.forwardedProto) > 0 {
		return f.forwardedProto
	} else if r.client.trusted && f.scheme == "https" {
		return secure
	}
	return plain
}

// Origin is the origin of the page that a browser makes the request for; nil where it
// says none. It is known even of a request that was refused for its head.
func (r *Request) Origin() []byte {
	if r.origin != nil {
		return r.origin
	}
	return r.Header().Peek("Origin")
}

// MarkRoute says which route the request took, for metrics and the access log.
func (r *Request) MarkRoute(route Route) { r.route = route }

// MarkCache says what was done ("hit", "fwd=bypass") and why, for Cache-Status (RFC
// 9211) on the answer, whoever it comes from, where server.debug_headers is on. The
// detail may be empty.
func (r *Request) MarkCache(status, detail string) { r.cache, r.detail = status, detail }

// MarkDetail says why what MarkCache has said was done.
func (r *Request) MarkDetail(detail string) { r.detail = detail }

// Context returns a context that ends when the client goes away, or when the server is
// cut off, for waits longer than a moment. The caller calls cancel before the Handler
// returns.
func (r *Request) Context() (wait context.Context, cancel context.CancelFunc) {
	c := r.client
	base := c.s.ctx
	if r.traced != nil {
		base = r.traced
	}
	wait, end := context.WithCancel(base)
	set := make(chan struct{})
	var look *time.Timer
	look = time.AfterFunc(2*tick, func() {
		<-set
		switch {
		case wait.Err() != nil:
		case c.left():
			end()
		default:
			look.Reset(tick)
		}
	})
	close(set)
	return wait, func() {
		end()
		look.Stop()
	}
}

// warnTLS says, once a minute at most, that a client speaks TLS to this listener.
func (s *Server) warnTLS(c *client) {
	s.metrics.rejected[rejectTLS].Inc()
	last, now := s.warnedTLS.Load(), time.Now().Unix()
	if now-last >= 60 && s.warnedTLS.CompareAndSwap(last, now) {
		s.log.Warn("a client speaks TLS to a listener that does not; TLS ends at the proxy in front", slog.String("remote", string(c.peer)))
	}
}

// warnUntrusted says once that a peer which is not trusted speaks for its clients:
// usually a reverse proxy that server.trusted_proxies should name.
func (s *Server) warnUntrusted(c *client) {
	if c.trusted || s.warned.Load() || !c.req.readFacts().claims {
		return
	}
	if s.warned.CompareAndSwap(false, true) {
		s.log.Warn("forwarding headers of a peer that is not trusted are replaced; "+
			"if it is a proxy of yours, add it to server.trusted_proxies",
			slog.String("remote", string(c.peer)))
	}
}
