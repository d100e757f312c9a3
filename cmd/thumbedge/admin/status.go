package admin

import (
	_ "embed"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/resolver"
)

// statusHTML is the status page, all of it: it asks for nothing but /status and
// /cache. The form's token comes in place of {{token}}.
//
//go:embed status.html
var statusHTML string

// status is what the page shows.
type status struct {
	Version   string           `json:"version"`
	Started   time.Time        `json:"started"`
	Now       time.Time        `json:"now"`
	Readiness Readiness        `json:"readiness"`
	WarmSet   resolver.State   `json:"warm_set"`
	Curve     resolver.Curve   `json:"curve"`
	Responses *responses.State `json:"responses"` // null: off
	Reconcile json.RawMessage  `json:"reconcile"` // the last run's summary; null: none is known
	Failures  []Failure        `json:"failures"`  // the last ones, the youngest first
	History   timeline         `json:"history"`
	Config    []Setting        `json:"config"`
}

func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	// With no-referrer browsers would hide the origin of the form, too.
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "+
		"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	_, _ = io.WriteString(w, strings.Replace(statusHTML, "{{token}}", s.formToken, 1)) // the client has left
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// Without reply's indentation: thousands of numbers, each on a line of its own.
	_ = json.NewEncoder(w).Encode(status{ // the client has left
		Version: s.deps.Version, Started: s.started, Now: time.Now(),
		Readiness: s.deps.Ready(r.Context()), WarmSet: s.deps.WarmSet.State(),
		Curve: s.deps.WarmSet.Curve(), Responses: s.responses(), Reconcile: s.deps.Reconciled(r.Context()),
		Failures: s.failures(), History: s.history.timeline(), Config: s.deps.Config(),
	})
}
