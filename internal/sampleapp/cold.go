package sampleapp

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// MakeCold makes every gallery cold: the app's thumbnail rows go, and each capture counts
// as changed, so that whoever is rendering one just now writes a row that is older than its
// original. No worker of the app renders meanwhile. It returns the files that rows named,
// which pages in browsers may still show.
func (a *App) MakeCold(ctx context.Context) (files map[thumb.ID][]string, err error) {
	for range cap(a.idle) {
		select {
		case worker := <-a.idle:
			defer func() { a.idle <- worker }()
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the workers: %w", ctx.Err())
		}
	}
	files = map[thumb.ID][]string{}
	err = pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE main_sourceimage SET last_modified = greatest(now(), last_modified + interval '1 second')`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `DELETE FROM main_sourceimagethumbnail RETURNING source_image_id, coalesce(path, '')`)
		if err != nil {
			return err
		}
		var id int64
		var path string
		_, err = pgx.ForEachRow(rows, []any{&id, &path}, func() error {
			if path != "" {
				files[thumb.ID(id)] = append(files[thumb.ID(id)], path)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("making the galleries cold: %w", err)
	}
	return files, nil
}

// serveCold makes every gallery cold.
func (a *App) serveCold(w http.ResponseWriter, r *http.Request) {
	if err := a.cfg.Cold(r.Context()); err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
