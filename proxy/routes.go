package proxy

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// route hands a request to the part that answers it. Routes are matched on the
// canonical path; what is passed to the app is the target as it was sent.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	c := clientOf(ctx)
	reads := ctx.IsGet() || ctx.IsHead()
	if !reads || c.req.upgrade != nil {
		s.passThrough(ctx, reasonNotEligible)
		return
	}
	path := s.path(ctx)
	switch {
	case len(path) > len(s.cfg.Rewrite.Route) && string(path[:len(s.cfg.Rewrite.Route)]) == s.cfg.Rewrite.Route:
		c.req.route = routeThumbnail
		s.thumbnails.serve(ctx)
	case s.files != nil && bytes.HasPrefix(path, s.filesPath):
		c.req.route = routeFile
		s.files.serve(ctx)
	case s.onPagePath(path):
		c.req.route = routePage
		s.pages.serve(ctx)
	default:
		s.passThrough(ctx, reasonNotEligible)
	}
}

// onPagePath says whether path is under one of rewrite.paths. The list of
// thumbnails itself is the app's.
func (s *Server) onPagePath(path []byte) bool {
	for _, prefix := range s.pagePaths {
		if bytes.HasPrefix(path, prefix) {
			return string(path) != s.cfg.Rewrite.Route
		}
	}
	return false
}

// passThrough sends the request to the app and the app's answer to the client,
// untouched. Reason is the label of the metric: why nothing better was done.
func (s *Server) passThrough(ctx *fasthttp.RequestCtx, reason passReason) {
	s.metrics.passed[reason].Inc()
	if s.cfg.Server.DebugHeaders {
		s.cacheStatus(ctx, "fwd=bypass; detail="+string(reason))
	}
	answer, err := s.roundTrip(ctx, asSent)
	if err != nil {
		s.failed(ctx, err)
		return
	}
	answer.pass(ctx)
}
