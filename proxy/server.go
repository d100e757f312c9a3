package proxy

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// Deps are what the proxy is plugged into. In production Resolver and Renderer
// are never nil; Files is nil where storage serves itself.
type Deps struct {
	Resolver  Resolver
	Renderer  Renderer
	Files     Files
	Log       *slog.Logger // nil: nothing is logged
	Metrics   *Metrics     // nil: counted where nobody looks
	AccessLog bool         // a line for each request, at level info
}

// Server is the proxy. Its methods may be called from any goroutine.
type Server struct {
	cfg        Config
	resolver   Resolver
	renderer   Renderer
	log        *slog.Logger
	metrics    *Metrics
	pages      *pages
	thumbnails *thumbnails
	files      *files // nil where storage serves itself
	draining   atomic.Bool
}

// New returns a proxy that is ready to Serve. It refuses a configuration that
// does not pass Validate.
func New(cfg Config, deps Deps) (*Server, error) {
	s := &Server{cfg: cfg, resolver: deps.Resolver, renderer: deps.Renderer, log: deps.Log, metrics: deps.Metrics}
	var err error
	if s.pages, err = newPages(s); err != nil {
		return nil, err
	}
	if s.thumbnails, err = newThumbnails(s); err != nil {
		return nil, err
	}
	if deps.Files != nil {
		s.files = newFiles(s)
	}
	return s, nil
}

// Serve accepts connections from ln until Shutdown, and then returns nil.
func (s *Server) Serve(ln net.Listener) error { panic("not yet") }

// Shutdown refuses new connections, lets requests in flight finish, and returns
// when none is left. When ctx ends first it cuts them off and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error { panic("not yet") }

// Draining says whether Shutdown was called.
func (s *Server) Draining() bool { return s.draining.Load() }

// passThrough sends the request to the app and the app's answer to the client,
// untouched. Reason is the label of the metric: why nothing better was done.
func (s *Server) passThrough(ctx *fasthttp.RequestCtx, reason passReason) {
	answer, err := s.roundTrip(ctx, nil)
	if err != nil {
		s.failed(ctx, err)
		return
	}
	answer.pass(ctx)
}
