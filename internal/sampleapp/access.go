package sampleapp

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// viewer is who a request comes from.
type viewer struct {
	known     bool // a token was sent, and it is someone's
	superuser bool
	projects  []int64 // member of
}

// viewer finds out who asks. Where it returns false the request is answered.
func (a *App) viewer(w http.ResponseWriter, r *http.Request) (viewer, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Token") {
		return viewer{projects: []int64{}}, true
	}
	v := viewer{known: true}
	err := a.pool.QueryRow(r.Context(), `
		SELECT superuser, ARRAY(SELECT project_id FROM sample_member m WHERE m.token = t.token)
		FROM sample_token t WHERE token = $1`, strings.TrimSpace(token)).Scan(&v.superuser, &v.projects)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		writeJSON(w, http.StatusUnauthorized, errToken)
		return viewer{}, false
	case err != nil:
		a.fail(w, r, fmt.Errorf("looking up a token: %w", err))
		return viewer{}, false
	}
	return v, true
}

// member says whether the viewer belongs to a project, nil for none.
func (v viewer) member(project *int64) bool {
	return v.superuser || project != nil && slices.Contains(v.projects, *project)
}

// refuse answers who may not: 401 asks a stranger to say who they are.
func (v viewer) refuse(w http.ResponseWriter) {
	if v.known {
		writeJSON(w, http.StatusForbidden, errForbidden)
		return
	}
	writeJSON(w, http.StatusUnauthorized, errAnonymous)
}
