package drive

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/thumbedge/thumbedge/internal/history"
)

// operations are what the app does, by their names in a profile.
var operations = map[string]func(*site, context.Context, *rand.Rand) error{
	"replace": (*site).replaceOriginal,
	"insert":  (*site).insertCapture,
	"delete":  (*site).deleteCapture,
	"flip":    (*site).flipProject,
	"flicker": (*site).flickerProject,
	"remove":  (*site).removeRow,
	"restore": (*site).restoreRow,
}

// operate has the app do one thing after another until ctx ends.
func (s *site) operate(ctx context.Context, random *rand.Rand, weights map[string]int, every time.Duration) {
	for len(weights) > 0 && ctx.Err() == nil {
		name := choose(random, weights)
		err := operations[name](s, ctx, random)
		var refusal *pgconn.PgError
		if errors.As(err, &refusal) && refusal.Code == "23503" {
			err = nil // a row came just when its capture went: Django would try again
		}
		if err != nil && ctx.Err() == nil {
			s.Errorf("%s: %v", name, err)
		}
		pause(ctx, random, every)
	}
}

// lasting is how many captures, one of each project, are never deleted.
const lasting = 3

// insertCapture adds a capture to a project that is public, or sometimes so.
func (s *site) insertCapture(ctx context.Context, random *rand.Rand) error {
	s.mu.Lock()
	s.last++
	id := s.last
	s.mu.Unlock()
	c := &capture{skew: time.Duration(random.IntN(7)-3) * time.Hour}
	project := []int64{1, 1, 2, 3}[random.IntN(4)]
	if id <= lasting {
		project = id
	}
	version := s.replaced(id, c, random)
	_, err := s.pool.Exec(ctx, `INSERT INTO main_sourceimage (id, path, public_base_url, timestamp, width, height, size, last_modified, project_id)
		VALUES ($1, $2, $3, now(), $4, $5, 1, $6, $7)`,
		id, s.originals.path(id), "http://"+s.sourceLink.Address+"/", bits*square, 2*square, version, project)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.captures[id] = c
	return nil
}

// replaced has the next content lie at the source, and returns the version that it is to
// have in the database: strictly later, by a clock of its own, which may count in seconds.
func (s *site) replaced(id int64, c *capture, random *rand.Rand) time.Time {
	version := time.Now().Add(c.skew).Truncate(time.Microsecond)
	if random.IntN(2) == 0 {
		version = version.Truncate(time.Second)
	}
	if !version.After(c.version) {
		version = c.version.Add(time.Microsecond)
	}
	c.version = version
	content := s.originals.replace(id)
	s.record(func(h *history.History) {
		h.Originals = append(h.Originals, history.Original{Capture: id, Version: version.UnixMicro(), Content: content})
	})
	return version
}

func (s *site) replaceOriginal(ctx context.Context, random *rand.Rand) error {
	id := pick(random, s.ids())
	version := s.replaced(id, s.captures[id], random) // this goroutine alone changes captures
	_, err := s.pool.Exec(ctx, `UPDATE main_sourceimage SET last_modified = $2 WHERE id = $1`, id, version)
	return err
}

// deleteCapture deletes a capture with its rows, as Django cascades.
func (s *site) deleteCapture(ctx context.Context, random *rand.Rand) error {
	ids := s.ids()
	if len(ids) < captures/2 {
		return s.insertCapture(ctx, random)
	}
	id := pick(random, ids[lasting:])
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM main_sourceimagethumbnail WHERE source_image_id = $1`, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM main_sourceimage WHERE id = $1`, id)
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.captures, id)
	return nil
}

// flipProject makes a draft public, or a public project a draft.
func (s *site) flipProject(ctx context.Context, random *rand.Rand) error {
	_, err := s.pool.Exec(ctx, `UPDATE main_project SET draft = NOT draft WHERE id = $1`, 2+random.IntN(2))
	return err
}

// flickerProject has a draft be public for a moment, as by a slip of the hand.
func (s *site) flickerProject(ctx context.Context, random *rand.Rand) error {
	for _, draft := range []bool{false, true} {
		if _, err := s.pool.Exec(ctx, `UPDATE main_project SET draft = $1 WHERE id = 2`, draft); err != nil {
			return err
		}
		pause(ctx, random, 200*time.Millisecond)
	}
	return nil
}

func (s *site) removeRow(ctx context.Context, random *rand.Rand) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM main_sourceimagethumbnail WHERE source_image_id = $1 AND label = $2`,
		pick(random, s.ids()), pick(random, []string{"small", "medium"}))
	return err
}

// restoreRow has a row name again the file that was replaced last, as from a backup,
// while it is certain that the file is not being deleted.
func (s *site) restoreRow(ctx context.Context, _ *rand.Rand) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE main_sourceimagethumbnail t SET path = past.path, width = past.width, height = past.height, size = past.size, last_modified = past.last_modified
		FROM (
			SELECT r.* FROM thumbedge.file_to_delete f
			JOIN history.change c ON c.kind = 'row' AND c.old ->> 'path' = f.path,
			LATERAL jsonb_populate_record(NULL::main_sourceimagethumbnail, c.old) r
			WHERE f.tries = 0 AND f.due BETWEEN clock_timestamp() + $1::interval AND clock_timestamp() + $2::interval
			ORDER BY c.seq DESC LIMIT 1
		) past
		WHERE t.source_image_id = past.source_image_id AND t.label = past.label AND t.path <> past.path`,
		"1.5 seconds", deleteAfter.String())
	return err
}

// choose picks a name by its weight.
func choose(random *rand.Rand, weights map[string]int) string {
	var names []string
	for _, name := range sorted(weights) {
		for range weights[name] {
			names = append(names, name)
		}
	}
	return pick(random, names)
}
