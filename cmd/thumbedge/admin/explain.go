package admin

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Failures are the thumbnails that could not be made lately, the youngest first.
type Failures []Failure

// Failure is one of them.
type Failure struct {
	ID    thumb.ID  `json:"id"`
	Label string    `json:"label"`
	At    time.Time `json:"at,omitzero"`
	Cause string    `json:"cause"` // one of a small closed set
	Why   string    `json:"why"`
}

// explain answers why an image is as it is: browsers with a page, all others in JSON.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	id, ok := thumb.ParseID(r.PathValue("id"))
	if !ok {
		s.notExplained(w, r, http.StatusBadRequest, badID)
		return
	}
	told, err := s.deps.Explain(r.Context(), id)
	switch {
	case err != nil:
		s.notExplained(w, r, http.StatusServiceUnavailable, err.Error())
	case wantsPage(r):
		s.write(w, http.StatusOK, "explain.html", explained{Asked: r.PathValue("id"), Capture: told})
	default:
		reply(w, http.StatusOK, told)
	}
}

const badID = "a capture's id is a positive 64-bit integer"

// explained is what the page of one capture shows.
type explained struct {
	Asked   string
	Capture any    // nil: there is none, and
	Problem string // says why
}

func (s *Server) notExplained(w http.ResponseWriter, r *http.Request, status int, why string) {
	if wantsPage(r) {
		s.write(w, status, "explain.html", explained{Asked: r.PathValue("id"), Problem: why})
		return
	}
	problem(w, status, why)
}

// explainForm leads from the form of a page, in which an id is typed, to its capture.
func (s *Server) explainForm(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimSpace(r.URL.Query().Get("id"))
	if id == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, "/explain/"+url.PathEscape(id), http.StatusSeeOther)
}

// failures are those that the status page lists.
func (s *Server) failures() Failures {
	if s.deps.Failures == nil {
		return Failures{}
	}
	return s.deps.Failures()
}
