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
package proxy

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

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
	Signer    func() *signing.Signer
	Log       *slog.Logger // nil: nothing is logged
	Metrics   *Metrics     // nil: counted where nobody looks
	Activity  *Activity    // is told of requests; nil: nobody is
	AccessLog bool         // a line for each request, at level info
	// Connected says whether notifications of changes arrive, so that DropPages would be
	// called at once; nil: they never do.
	Connected func() bool
}

// Server is the proxy. Most of its methods are the wire's. All may be called from any
// goroutine.
type Server struct {
	*wire.Server
	router *router
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
	routes, err := newRouter(cfg, deps)
	if err != nil {
		return nil, err
	}
	server, err := wire.New(wire.Config{Server: cfg.Server, Upstream: cfg.Upstream, Headers: cfg.Headers, AccessLog: deps.AccessLog}, routes, deps.Log, deps.Metrics.wire)
	if err != nil {
		routes.passing.close()
		return nil, err
	}
	return &Server{server, routes}, nil
}

// Shutdown is the wire's. Once no request is left it ends the response cache; where some
// had to be cut off, one may still have that in hand, and the process's end ends it.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.Server.Shutdown(ctx)
	if err == nil {
		s.router.passing.close()
	}
	return err
}
