package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// cache is what /cache tells.
type cache struct {
	resolver.State
	Curve     resolver.Curve `json:"curve"`     // what other sizes would do
	Responses *responseCache `json:"responses"` // null: responses.enabled is off
}

// responseCache is what is told of the response cache.
type responseCache struct {
	responses.State
	Curve responses.Curve `json:"curve"` // what other sizes would do
}

func (s *Server) cacheState(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, cache{s.deps.WarmSet.State(), s.deps.WarmSet.Curve(), s.responses()})
}

func (s *Server) responses() *responseCache {
	if s.deps.Responses == nil {
		return nil
	}
	return &responseCache{s.deps.Responses.State(), s.deps.Responses.Curve()}
}

// responsesDrop drops what is kept of a URL, on whichever host, or all answers.
func (s *Server) responsesDrop(w http.ResponseWriter, r *http.Request) {
	if s.deps.Responses == nil {
		problem(w, http.StatusNotFound, "responses.enabled is off: nothing is kept")
		return
	}
	if !r.URL.Query().Has("url") {
		s.deps.Responses.Clear()
		s.deps.Log.Info("response cache emptied")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	u, err := url.Parse(r.URL.Query().Get("url"))
	if err != nil || !strings.HasPrefix(u.Path, "/") {
		problem(w, http.StatusBadRequest, "url: must be a URL of the site, or its path with the query")
		return
	}
	s.deps.Responses.DropTarget(u.RequestURI())
	w.WriteHeader(http.StatusNoContent)
}

// largestBody is what the body of a request that resizes may have.
const largestBody = 4 << 10

// cacheResize resizes the warm set for tools.
func (s *Server) cacheResize(w http.ResponseWriter, r *http.Request) {
	var body struct {
		MaxSize string `json:"max_size"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, largestBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		problem(w, http.StatusBadRequest, `the body must be {"max_size": "128MiB"}: `+err.Error())
		return
	}
	if err := s.resize(body.MaxSize); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	s.cacheState(w, r)
}

// cacheResizeForm resizes the warm set for the status page's form, which works
// without JavaScript, too. The form bears a token that only who can read the page
// knows: another site can have a browser send the form, but not the token.
func (s *Server) cacheResizeForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largestBody)
	if err := r.ParseForm(); err != nil {
		problem(w, http.StatusBadRequest, "the form cannot be read: "+err.Error())
		return
	}
	if !sameSecret(r.PostForm.Get("token"), s.formToken) {
		problem(w, http.StatusForbidden, "token: not the one in this process's status page; load the page again")
		return
	}
	if err := s.resize(r.PostForm.Get("max_size")); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) resize(text string) error {
	size, err := humanize.ParseBytes(text)
	if err != nil || size > 1<<50 {
		return errors.New(`max_size must be a size such as "128MiB"`)
	}
	if err := s.deps.Memory.Admits(int64(size)); err != nil {
		return fmt.Errorf("max_size: %w", err)
	}
	return s.deps.WarmSet.Resize(int64(size))
}

func (s *Server) cacheClear(w http.ResponseWriter, r *http.Request) {
	s.deps.WarmSet.Clear()
	s.deps.Log.Info("warm set emptied")
	s.cacheState(w, r)
}

func (s *Server) captureState(w http.ResponseWriter, r *http.Request) {
	id, ok := s.capture(w, r)
	if !ok {
		return
	}
	entry, known := s.deps.WarmSet.Lookup(id)
	if !known {
		problem(w, http.StatusNotFound, "the warm set does not hold this capture, or does not trust what it holds any more")
		return
	}
	reply(w, http.StatusOK, entry)
}

func (s *Server) captureForget(w http.ResponseWriter, r *http.Request) {
	if id, ok := s.capture(w, r); ok {
		s.deps.WarmSet.Forget(id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) capture(w http.ResponseWriter, r *http.Request) (thumb.ID, bool) {
	id, ok := thumb.ParseID(r.PathValue("id"))
	if !ok {
		problem(w, http.StatusBadRequest, badID)
	}
	return id, ok
}
