package admin

import "net/http"

// Failure is one capture whose thumbnails cannot be had, for the status page.
type Failure struct {
	ID    int64  `json:"id"`
	Cause string `json:"cause"`
}

// explain answers why an image is as it is.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	id, ok := s.capture(w, r)
	if !ok {
		return
	}
	told, err := s.deps.Explain(r.Context(), id)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	reply(w, http.StatusOK, told)
}

// failures are those that the status page lists.
func (s *Server) failures() []Failure {
	if s.deps.Failures == nil {
		return nil
	}
	return s.deps.Failures()
}
