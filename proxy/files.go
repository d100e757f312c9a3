package proxy

import "github.com/valyala/fasthttp"

// files serves stored thumbnails from this machine.
type files struct{ s *Server }

func newFiles(s *Server) *files { return &files{s} }

func (f *files) serve(ctx *fasthttp.RequestCtx) { f.s.passThrough(ctx, reasonNotEligible) }
