package sampleapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// capture is a row of the capture table with what the pages show beside it.
type capture struct {
	id                  int64
	path, base          string
	taken               *time.Time
	width, height, size *int64
	modified            *time.Time
	project, deployment *int64
	deploymentName      *string
	event               *int64
	night               *time.Time
	draft               bool // or without a project
	notes               json.RawMessage
}

// captureColumns and captureTables read a capture, for scan. $1 and $2 are the
// viewer's superuser and projects, $3 whether to show all the same.
const (
	captureColumns = `c.id, c.path, coalesce(c.public_base_url, ''), c.timestamp AT TIME ZONE 'UTC', c.width, c.height, c.size, c.last_modified,
		c.project_id, d.id, d.name, e.id, e.start AT TIME ZONE 'UTC', coalesce(p.draft, true), n.notes`
	captureTables = ` FROM main_sourceimage c
		LEFT JOIN main_project p ON p.id = c.project_id
		LEFT JOIN main_deployment d ON d.id = c.deployment_id
		LEFT JOIN main_event e ON e.id = c.event_id
		LEFT JOIN sample_notes n ON n.source_image_id = c.id`
	visible = ` (NOT coalesce(p.draft, false) OR $1 OR p.id = ANY($2))`
)

func scanCapture(row pgx.CollectableRow) (c capture, err error) {
	err = row.Scan(&c.id, &c.path, &c.base, &c.taken, &c.width, &c.height, &c.size, &c.modified,
		&c.project, &c.deployment, &c.deploymentName, &c.event, &c.night, &c.draft, &c.notes)
	return c, err
}

// captureList answers /api/v2/captures/.
func (a *App) captureList(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, "Captures List", http.MethodGet) {
		return
	}
	v, ok := a.viewer(w, r)
	if !ok {
		return
	}
	query := r.URL.Query()
	project, ok := filter(w, query, "project_id")
	if !ok {
		return
	}
	event, ok := filter(w, query, "event")
	if !ok {
		return
	}
	where := captureTables + ` WHERE` + visible + ` AND ($3::bigint IS NULL OR c.project_id = $3) AND ($4::bigint IS NULL OR c.event_id = $4)`
	sorted := order(query, map[string]string{"id": "c.id", "timestamp": "c.timestamp", "size": "c.size"}, "c.id")
	part := windowOf(query)
	var count int64
	err := a.pool.QueryRow(r.Context(), `SELECT count(*)`+where, v.superuser, v.projects, project, event).Scan(&count)
	if err != nil {
		a.fail(w, r, fmt.Errorf("counting captures: %w", err))
		return
	}
	captures, err := a.captures(r.Context(), where+` ORDER BY `+sorted+` LIMIT $5 OFFSET $6`,
		v.superuser, v.projects, project, event, part.limit, part.offset)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := listJSON[captureJSON]{Count: count, Results: []captureJSON{}, Permissions: &noPermissions}
	list.Next, list.Previous = part.links(r, count)
	for i := range captures {
		list.Results = append(list.Results, a.captureJSON(r, &captures[i]))
	}
	writeJSON(w, http.StatusOK, list)
}

// captureDetail answers /api/v2/captures/<id>/, and writes a capture's notes.
func (a *App) captureDetail(w http.ResponseWriter, r *http.Request, text string) {
	if !allowed(w, r, "Captures Instance", http.MethodGet, http.MethodPatch) {
		return
	}
	v, ok := a.viewer(w, r)
	if !ok {
		return
	}
	id, ok := thumb.ParseID(text)
	if !ok {
		writeJSON(w, http.StatusNotFound, errNotFound)
		return
	}
	c, err := a.capture(r.Context(), v, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		writeJSON(w, http.StatusNotFound, errNotFound)
		return
	case err != nil:
		a.fail(w, r, err)
		return
	}
	if r.Method == http.MethodPatch && !a.patch(w, r, v, &c) {
		return
	}
	writeJSON(w, http.StatusOK, a.captureJSON(r, &c))
}

// patch keeps the notes that a client sent: any JSON value, whatever is in it.
// Where it returns false the request is answered.
func (a *App) patch(w http.ResponseWriter, r *http.Request, v viewer, c *capture) bool {
	if !v.known {
		v.refuse(w)
		return false
	}
	var body struct {
		Notes json.RawMessage `json:"notes"`
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, detail{"JSON parse error - " + err.Error()})
		return false
	}
	if body.Notes == nil {
		return true
	}
	_, err = a.pool.Exec(r.Context(), `INSERT INTO sample_notes (source_image_id, notes) VALUES ($1, $2)
		ON CONFLICT (source_image_id) DO UPDATE SET notes = excluded.notes`, c.id, []byte(body.Notes))
	if err != nil {
		a.fail(w, r, fmt.Errorf("writing notes: %w", err))
		return false
	}
	c.notes = body.Notes
	return true
}

// capture reads one capture that the viewer may see; pgx.ErrNoRows where there is
// none.
func (a *App) capture(ctx context.Context, v viewer, id thumb.ID) (capture, error) {
	found, err := a.captures(ctx, captureTables+` WHERE`+visible+` AND c.id = $3`, v.superuser, v.projects, int64(id))
	if err == nil && len(found) == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return capture{}, err
	}
	return found[0], nil
}

// captures reads the captures that what follows SELECT … describes.
func (a *App) captures(ctx context.Context, from string, args ...any) ([]capture, error) {
	rows, err := a.pool.Query(ctx, `SELECT `+captureColumns+from, args...)
	if err != nil {
		return nil, fmt.Errorf("reading captures: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanCapture)
	if err != nil {
		return nil, fmt.Errorf("reading captures: %w", err)
	}
	return found, nil
}
