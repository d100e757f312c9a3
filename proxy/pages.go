package proxy

import "github.com/valyala/fasthttp"

// pages rewrites the app's JSON responses.
type pages struct{ s *Server }

func newPages(s *Server) (*pages, error) { return &pages{s}, nil }

func (p *pages) serve(ctx *fasthttp.RequestCtx) { p.s.passThrough(ctx, reasonNotEligible) }
