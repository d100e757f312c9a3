package proxy

import "github.com/valyala/fasthttp"

// thumbnails answers for route URLs.
type thumbnails struct{ s *Server }

func newThumbnails(s *Server) (*thumbnails, error) { return &thumbnails{s}, nil }

func (t *thumbnails) serve(ctx *fasthttp.RequestCtx) { t.s.passThrough(ctx, reasonNotEligible) }
