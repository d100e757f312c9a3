package proxy

import (
	"context"

	"github.com/valyala/fasthttp"
)

// trusted says whether the request came from one of server.trusted_proxies.
func (s *Server) trusted(ctx *fasthttp.RequestCtx) bool { panic("not yet") }

// path is the request's path in the one form that routes are matched on: percent
// escapes decoded once, as the app decodes them, nothing else changed. It is valid
// until the handler returns.
func (s *Server) path(ctx *fasthttp.RequestCtx) []byte { panic("not yet") }

// appHost is the Host that the app is sent.
func (s *Server) appHost(ctx *fasthttp.RequestCtx) []byte { panic("not yet") }

// forwardedHost is the X-Forwarded-Host of a trusted peer; nil where there is none.
func (s *Server) forwardedHost(ctx *fasthttp.RequestCtx) []byte { panic("not yet") }

// forwardedProto is the scheme that the app is told, "http" or "https": a trusted
// peer's X-Forwarded-Proto, or else "http".
func (s *Server) forwardedProto(ctx *fasthttp.RequestCtx) []byte { panic("not yet") }

// cacheStatus adds Cache-Status (RFC 9211) with these parameters ("hit",
// "fwd=miss; detail=cold") to the answer, whoever it comes from, where
// server.debug_headers is on.
func (s *Server) cacheStatus(ctx *fasthttp.RequestCtx, params string) { panic("not yet") }

// corsHeaders adds what lets the pages of server.cors_origins read an answer of
// the proxy's own.
func (s *Server) corsHeaders(ctx *fasthttp.RequestCtx) { panic("not yet") }

// clientContext returns a context that ends when the client goes away, or when
// the server is cut off, for waits longer than a moment. The caller calls cancel
// before the handler returns.
func (s *Server) clientContext(ctx *fasthttp.RequestCtx) (context.Context, context.CancelFunc) {
	panic("not yet")
}
