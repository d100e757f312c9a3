package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
)

// status is what the page shows: the answers and lists are in it as it is loaded, charts
// and tables come by its script, which asks for all this again every ten seconds.
type status struct {
	Version   string          `json:"version"`
	Started   time.Time       `json:"started"`
	Now       time.Time       `json:"now"`
	Answers   Answers         `json:"answers"`
	Readiness Readiness       `json:"readiness"`
	WarmSet   resolver.State  `json:"warm_set"`
	Curve     resolver.Curve  `json:"curve"`
	Responses *responseCache  `json:"responses"` // null: off
	Reconcile json.RawMessage `json:"reconcile"` // the last run's summary; null: none is known
	Failures  Failures        `json:"failures"`  // the last ones, the youngest first
	History   timeline        `json:"history"`
	Config    []Setting       `json:"config"`
}

func (s *Server) told(r *http.Request) status {
	f := s.facts(r.Context())
	told := status{
		Version: s.deps.Version, Started: s.started, Now: f.now, Answers: f.answers(), Readiness: f.readiness,
		WarmSet: s.deps.WarmSet.State(), Curve: f.curve, Responses: f.responses, Reconcile: f.reconciled,
		Failures: f.failures, Config: s.deps.Config(),
	}
	if told.Version == "" {
		told.Version = "unversioned"
	}
	return told
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	s.write(w, http.StatusOK, "status.html", s.told(r))
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	told := s.told(r)
	told.History = s.history.timeline()
	// Without reply's indentation: thousands of numbers, each on a line of its own.
	_ = json.NewEncoder(w).Encode(told) // the client has left
}
