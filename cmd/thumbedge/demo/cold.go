package demo

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// MakeCold makes the galleries cold again, on either way in. The files that rows named are
// deleted after storage.delete_after as any others: pages that are open still show them.
// Thumbnails of the draft project are made again, since its captures count as changed.
func (d *Demo) MakeCold(ctx context.Context) error {
	files, err := d.App.MakeCold(ctx)
	if err != nil {
		return err
	}
	d.Program.WarmSet().Clear() // the notifications would come within a second
	return discard(ctx, d.Program.File(), func(store *postgres.Store) error {
		for id, paths := range files {
			if err := store.Discard(ctx, id, paths, d.Program.File().Storage.DeleteAfter); err != nil {
				return fmt.Errorf("recording the files of capture %d for deletion: %w", id, err)
			}
		}
		return nil
	})
}

// discard opens the database's part of thumbedge for a moment.
func discard(_ context.Context, file *config.File, with func(*postgres.Store) error) error {
	cfg := file.Postgres()
	pool, err := postgres.Open(cfg, nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	store, err := postgres.New(cfg, pool, slog.New(slog.DiscardHandler), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		return fmt.Errorf("making the database's part: %w", err)
	}
	return with(store)
}
