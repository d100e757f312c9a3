// Package admin answers on the admin listener: the status page, metrics, health, the
// warm set's state and size, profiles. It only shows and steers what the other packages do;
// it decides nothing.
//
// /metrics, /healthz and /readyz need no token, for they are asked by machines. The
// rest does where the listener is not on loopback, wherever a request comes from. On
// loopback the danger is a
// browser on the same machine that another site's script drives (DNS rebinding):
// there the Host must be a loopback one, and what changes something must come from
// the same origin. The status page's form bears a token of its own besides.
package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// WarmSet is what the admin listener shows and steers of the warm set.
type WarmSet interface {
	State() resolver.State
	Curve() resolver.Curve
	Lookup(id thumb.ID) (resolver.Entry, bool)
	Forget(id thumb.ID)
	Clear()
	Resize(bytes int64) error
}

// Responses is what the admin listener shows and steers of the response cache.
type Responses interface {
	State() responses.State
	Curve() responses.Curve
	Clear()
	DropTarget(target string)
}

// Readiness is the body of /readyz.
type Readiness struct {
	Ready bool   `json:"ready"`
	Parts []Part `json:"parts"`
}

// Part is the state of one part that thumbedge works with.
type Part struct {
	Name string `json:"name"`
	// State is "ok", "degraded" or "down".
	State string `json:"state"`
	// Effect says what a state that is not "ok" means for users, and the way out.
	Effect string `json:"effect,omitempty"`
	// Since is when it was first seen to be so; only the status page knows it.
	Since *time.Time `json:"since,omitempty"`
}

// Deps are what the admin listener is plugged into.
type Deps struct {
	WarmSet WarmSet
	Ready   func(ctx context.Context) Readiness
	// Responses is the response cache; nil where it is off.
	Responses Responses
	// Reconciled returns the summary of reconcile's last run as JSON; nil: none is known.
	Reconciled func(ctx context.Context) json.RawMessage
	// Explain says what is known of a capture, as JSON's value; Failures what failed last.
	Explain  func(ctx context.Context, id thumb.ID) (any, error)
	Failures func() Failures
	// Runbook is the text of deploy/RUNBOOK.md, to which sentences lead.
	Runbook  string
	Registry *prometheus.Registry // /metrics tells it; the listener adds its own
	Version  string
	Config   func() []Setting // in force, without secrets
	// Changes returns what a reload would change now, and why it would fail; File is what
	// it reads.
	File    string
	Changes func() ([]Change, error)
	Memory  machine.Memory // that the warm set may not be resized above
	Log     *slog.Logger
}

// Server is the admin listener's HTTP server.
type Server struct {
	cfg       Config
	deps      Deps
	http      *http.Server
	started   time.Time
	pages     pages
	history   history
	parts     standing
	formToken string // of the status page's form; another with each process
}

// New makes the server; Serve starts it, and Sample what the status page shows of
// the last hour.
func New(cfg Config, deps Deps) *Server {
	s := &Server{cfg: cfg, deps: deps, started: time.Now(), pages: newPages(), formToken: rand.Text()}
	if s.deps.Config == nil {
		s.deps.Config = func() []Setting { return nil }
	}
	open := http.NewServeMux()
	open.Handle("GET /metrics", promhttp.HandlerFor(deps.Registry, promhttp.HandlerOpts{}))
	open.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, map[string]bool{"alive": true}) })
	open.HandleFunc("GET /readyz", s.readyz)

	guarded := http.NewServeMux()
	guarded.HandleFunc("GET /{$}", s.page)
	guarded.HandleFunc("GET /status", s.status)
	guarded.HandleFunc("GET /cache", s.cacheState)
	guarded.HandleFunc("PUT /cache", s.cacheResize)
	guarded.HandleFunc("POST /cache", s.cacheResizeForm)
	guarded.HandleFunc("DELETE /cache", s.cacheClear)
	guarded.HandleFunc("DELETE /cache/responses", s.responsesDrop)
	guarded.HandleFunc("GET /cache/captures/{id}", s.captureState)
	guarded.HandleFunc("DELETE /cache/captures/{id}", s.captureForget)
	guarded.HandleFunc("GET /explain/{id}", s.explain)
	guarded.HandleFunc("GET /explain", s.explainForm)
	guarded.HandleFunc("GET /runbook", s.runbook)
	guarded.HandleFunc("GET /config", s.config)
	guarded.HandleFunc("GET /config/changes", s.changes)
	guarded.HandleFunc("/debug/pprof/", pprof.Index)
	guarded.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	guarded.HandleFunc("/debug/pprof/profile", pprof.Profile)
	guarded.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	guarded.HandleFunc("/debug/pprof/trace", pprof.Trace)
	open.Handle("/", s.guard(guarded))

	s.http = &http.Server{
		Handler:           open,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ConnState:         newConnections(deps.Registry).watch,
		ErrorLog:          slog.NewLogLogger(deps.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// Serve answers on l until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Shutdown stops the server; requests in flight have until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ready := s.deps.Ready(r.Context())
	status := http.StatusOK
	if !ready.Ready {
		status = http.StatusServiceUnavailable
	}
	reply(w, status, ready)
}

// reply answers in JSON.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(body) // the client has left
}

// problem answers with what is wrong, as the app's own errors are written.
func problem(w http.ResponseWriter, status int, detail string) {
	reply(w, status, map[string]string{"detail": detail})
}
