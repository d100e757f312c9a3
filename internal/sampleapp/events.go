package sampleapp

import (
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// examples is how many captures an event's entry in the list shows.
const examples = 2

type event struct {
	id    int64
	start time.Time
}

// name is what the app's interface calls a night.
func (e *event) name() string { return e.start.Format("Monday, Jan 2 2006") }

func scanEvent(row pgx.CollectableRow) (e event, err error) {
	err = row.Scan(&e.id, &e.start)
	return e, err
}

const eventTables = ` FROM main_event e LEFT JOIN main_project p ON p.id = e.project_id WHERE` + visible

// eventList answers /api/v2/events/.
func (a *App) eventList(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, "Events List", http.MethodGet) {
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
	where := eventTables + ` AND ($3::bigint IS NULL OR e.project_id = $3)`
	sorted := order(query, map[string]string{"id": "e.id", "start": "e.start"}, "e.id")
	part := windowOf(query)
	list := listJSON[eventJSON]{Results: []eventJSON{}}
	err := a.pool.QueryRow(r.Context(), `SELECT count(*)`+where, v.superuser, v.projects, project).Scan(&list.Count)
	if err != nil {
		a.fail(w, r, fmt.Errorf("counting events: %w", err))
		return
	}
	rows, err := a.pool.Query(r.Context(), `SELECT e.id, e.start AT TIME ZONE 'UTC'`+where+` ORDER BY `+sorted+` LIMIT $4 OFFSET $5`,
		v.superuser, v.projects, project, part.limit, part.offset)
	if err != nil {
		a.fail(w, r, fmt.Errorf("reading events: %w", err))
		return
	}
	events, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		a.fail(w, r, fmt.Errorf("reading events: %w", err))
		return
	}
	for _, e := range events {
		captures, err := a.captures(r.Context(), captureTables+` WHERE c.event_id = $1 ORDER BY c.timestamp, c.id LIMIT $2`, e.id, examples)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		entry := eventJSON{ID: e.id, Name: e.name(), Examples: []exampleJSON{}}
		for i := range captures {
			c := &captures[i]
			entry.Examples = append(entry.Examples, exampleJSON{c.id, join(c.base, c.path), c.width, a.thumbnails(r, c)})
		}
		list.Results = append(list.Results, entry)
	}
	list.Next, list.Previous = part.links(r, list.Count)
	writeJSON(w, http.StatusOK, list)
}

// eventDetail answers /api/v2/events/<id>/.
func (a *App) eventDetail(w http.ResponseWriter, r *http.Request, text string) {
	if !allowed(w, r, "Events Instance", http.MethodGet) {
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
	rows, err := a.pool.Query(r.Context(), `SELECT e.id, e.start AT TIME ZONE 'UTC'`+eventTables+` AND e.id = $3`, v.superuser, v.projects, int64(id))
	if err != nil {
		a.fail(w, r, fmt.Errorf("reading an event: %w", err))
		return
	}
	found, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		a.fail(w, r, fmt.Errorf("reading an event: %w", err))
		return
	}
	if len(found) == 0 {
		writeJSON(w, http.StatusNotFound, errNotFound)
		return
	}
	captures, err := a.captures(r.Context(), captureTables+` WHERE c.event_id = $1 ORDER BY c.timestamp, c.id LIMIT 1`, int64(id))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	e := eventDetailJSON{ID: found[0].id, Name: found[0].name()}
	if len(captures) > 0 {
		c := &captures[0]
		e.First = &firstJSON{c.id, join(c.base, c.path), a.thumbnails(r, c), []any{}}
	}
	writeJSON(w, http.StatusOK, e)
}
