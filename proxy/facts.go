package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"
)

// clientOf returns the connection that a request came by.
func clientOf(ctx *fasthttp.RequestCtx) *client { return ctx.Conn().(*client) }

// path is the request's path in the one form that routes are matched on: percent
// escapes decoded once, as the app decodes them, nothing else changed. It is valid
// until the handler returns.
func (s *Server) path(ctx *fasthttp.RequestCtx) []byte {
	c := clientOf(ctx)
	if c.req.path == nil {
		c.req.path = c.canonicalPath()
	}
	return c.req.path
}

func (c *client) canonicalPath() []byte {
	raw := c.req.target
	if end := bytes.IndexByte(raw, '?'); end >= 0 {
		raw = raw[:end]
	}
	if bytes.IndexByte(raw, '%') < 0 {
		return raw
	}
	c.path = c.path[:0]
	for i := 0; i < len(raw); i++ {
		if raw[i] == '%' && i+2 < len(raw) {
			high, low := unhex(raw[i+1]), unhex(raw[i+2])
			if high >= 0 && low >= 0 {
				c.path = append(c.path, byte(high<<4|low))
				i += 2
				continue
			}
		}
		c.path = append(c.path, raw[i])
	}
	return c.path
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c - 'a' + 10)
	case 'A' <= c && c <= 'F':
		return int(c - 'A' + 10)
	}
	return -1
}

// appHost is the Host that the app is sent.
func (s *Server) appHost(ctx *fasthttp.RequestCtx) []byte { return clientOf(ctx).appHost() }

func (c *client) appHost() []byte {
	if c.s.cfg.Upstream.PreserveHost && len(c.req.host) > 0 {
		return c.req.host
	}
	return c.s.pool.host
}

// forwardedHost is the X-Forwarded-Host of a trusted peer; nil where there is none.
func (s *Server) forwardedHost(ctx *fasthttp.RequestCtx) []byte { return clientOf(ctx).forwardedHost() }

func (c *client) forwardedHost() []byte {
	if f := c.readFacts(); c.trusted && len(f.forwardedHost) > 0 {
		return f.forwardedHost
	}
	return nil
}

// forwardedProto is the scheme that the app is told, "http" or "https": a trusted
// peer's X-Forwarded-Proto, or else "http".
func (c *client) forwardedProto() []byte {
	if f := c.readFacts(); c.trusted && len(f.forwardedProto) > 0 {
		return f.forwardedProto
	}
	return []byte("http")
}

// cacheStatus adds Cache-Status (RFC 9211) with these parameters ("hit",
// "fwd=miss; detail=cold") to the answer, whoever it comes from, where
// server.debug_headers is on.
func (s *Server) cacheStatus(ctx *fasthttp.RequestCtx, params string) {
	if s.cfg.Server.DebugHeaders {
		clientOf(ctx).req.cache = params
	}
}

// corsHeaders adds what lets the pages of server.cors_origins read an answer of
// the proxy's own.
func (s *Server) corsHeaders(ctx *fasthttp.RequestCtx) {
	if len(s.cfg.Server.CORSOrigins) == 0 {
		return
	}
	ctx.Response.Header.Add("Vary", "Origin")
	origin := ctx.Request.Header.Peek("Origin")
	if len(origin) == 0 {
		return
	}
	for _, allowed := range s.cfg.Server.CORSOrigins {
		if allowed == "*" || allowed == string(origin) {
			ctx.Response.Header.SetBytesV("Access-Control-Allow-Origin", origin)
			return
		}
	}
}

// clientContext returns a context that ends when the client goes away, or when
// the server is cut off, for waits longer than a moment. The caller calls cancel
// before the handler returns.
func (s *Server) clientContext(ctx *fasthttp.RequestCtx) (context.Context, context.CancelFunc) {
	c := clientOf(ctx)
	wait, cancel := context.WithCancel(s.ctx)
	set := make(chan struct{})
	var look *time.Timer
	look = time.AfterFunc(2*tick, func() {
		<-set
		switch {
		case wait.Err() != nil:
		case closedByPeer(c.raw):
			cancel()
		default:
			look.Reset(tick)
		}
	})
	close(set)
	return wait, func() {
		cancel()
		look.Stop()
	}
}

// warnUntrusted says once that a peer which is not trusted speaks for its clients:
// usually a reverse proxy that server.trusted_proxies should name.
func (s *Server) warnUntrusted(c *client) {
	if c.trusted || s.warned.Load() || !c.readFacts().claims {
		return
	}
	if s.warned.CompareAndSwap(false, true) {
		s.log.Warn("forwarding headers of a peer that is not trusted are replaced; "+
			"if it is a proxy of yours, add it to server.trusted_proxies",
			slog.String("remote", string(c.peer)))
	}
}
