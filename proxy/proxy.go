// Package proxy is what HTTP clients talk to: routes and policy. It passes requests
// through to the app, rewrites pages, answers for thumbnails and serves stored files.
// How bytes move between clients and the app is package wire's.
//
// Each request comes to router.Serve (routes.go), which matches its canonical path:
//   - below rewrite.route: thumbnails (thumbnails.go);
//   - below the path of stored files: files (files.go);
//   - below rewrite.paths: pages (pages.go);
//   - anything else, and every method but GET and HEAD, is passed to the app.
//
// Invariants:
//   - Whatever fails here, the client gets what the app would have answered.
//   - A storage URL only takes the place of a route URL in an answer of the app to the
//     same client.
//   - Every answer of our own goes through router.OwnAnswer (own.go).
//   - A request is answered by one configuration: that of the router that it came to. A
//     router never changes; Server.Prepare makes another, and what has a state of its own
//     outlives it (lasting.go).
package proxy

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// Deps are what the proxy is plugged into. In production Resolver and Renderer
// are never nil; Files and PrivateFiles are nil where storage serves itself.
type Deps struct {
	Resolver Resolver
	Renderer Renderer
	Files    Files
	// PrivateFiles are those of private storage, for whom a signature lets in alone.
	PrivateFiles Files
	// Signer returns what signs private URLs and verifies them; nil as long as it is not
	// known which site this is. Signer itself is nil where signing.keys is not set.
	Signer   func() *signing.Signer
	Log      *slog.Logger // nil: nothing is logged
	Metrics  *Metrics     // nil: counted where nobody looks
	Activity *Activity    // is told of requests; nil: nobody is
	Tracer   Tracer       // nil: nobody follows requests
	// Connected says whether notifications of changes arrive, so that DropPages would be
	// called at once; nil: they never do.
	Connected func() bool
}

// Server is the proxy. Most of its methods are the wire's. All may be called from any
// goroutine.
type Server struct {
	*wire.Server
	deps    Deps
	lasting *lasting
}

// New returns a proxy that is ready to Serve. It refuses a configuration that
// does not pass Validate.
func New(cfg Config, deps Deps) (*Server, error) {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Metrics == nil {
		deps.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	if deps.Activity == nil {
		deps.Activity = NewActivity()
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{deps: deps, lasting: newLasting(deps)}
	var err error
	if cfg.Responses.Enabled {
		if s.lasting.cache, err = responses.New(cfg.Responses, cfg.Rewrite.Paths, deps.Connected, deps.Metrics.responses); err != nil {
			return nil, fmt.Errorf("making the response cache: %w", err)
		}
	}
	routes, err := newRouter(cfg, deps, s.lasting)
	if err == nil {
		s.Server, err = wire.New(cfg.wire(), routes, deps.Log, deps.Metrics.wire, deps.Tracer)
	}
	if err != nil {
		s.lasting.close()
		return nil, err
	}
	s.lasting.adopt(cfg, routes.limits)
	return s, nil
}

// Changed are the parts of Deps that go with a configuration.
type Changed struct {
	Resolver Resolver
	Renderer Renderer
	Signer   func() *signing.Signer
}

// Prepare makes everything for another configuration, and returns what puts that in force:
// for each request whose head comes from then on, while those in hand are answered by the
// one that they began with. It changes nothing itself, and an error says what cannot be.
// One configuration is prepared, and applied, at a time.
func (s *Server) Prepare(cfg Config, parts Changed) (apply func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	deps := s.deps
	deps.Resolver, deps.Renderer, deps.Signer = parts.Resolver, parts.Renderer, parts.Signer
	routes, err := newRouter(cfg, deps, s.lasting)
	if err != nil {
		return nil, err
	}
	swap, err := s.Server.Prepare(cfg.wire(), routes)
	if err != nil {
		return nil, err
	}
	return func() {
		s.lasting.adopt(cfg, routes.limits)
		swap()
	}, nil
}

// Shutdown is the wire's. Once no request is left it ends the response cache; where some
// had to be cut off, one may still have that in hand, and the process's end ends it.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.Server.Shutdown(ctx)
	if err == nil {
		s.lasting.close()
	}
	return err
}
