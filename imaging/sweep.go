package imaging

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	sweepBatch = 100 // files a sweep claims at once
	// Sweeps come about a quarter of storage.delete_after apart, within these.
	shortestSweep = time.Second
	longestSweep  = time.Minute
)

// sweep deletes, again and again until ctx ends, the files of a shelf whose time has come:
// those that an upsert replaced, those that lost to another replica's, and those
// that were stored by a process that died before it wrote the row. Every replica
// sweeps; the database gives each file to one of them.
func (r *Renderer) sweep(ctx context.Context, on *shelf) {
	interval := min(max(r.cfg().DeleteAfter/4, shortestSweep), longestSweep)
	timer := time.NewTimer(rand.N(interval)) // replicas that start together do not sweep together
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for r.sweepOnce(ctx, on) == sweepBatch && ctx.Err() == nil {
			// There may be more.
		}
		timer.Reset(interval/2 + rand.N(interval))
	}
}

// sweepOnce sweeps one batch and returns how many files it is rid of.
func (r *Renderer) sweepOnce(ctx context.Context, on *shelf) (gone int) {
	defer r.recovered("sweeping")
	if on.mayDelete != nil {
		if err := on.mayDelete(ctx); err != nil {
			r.metrics.swept.WithLabelValues("forbidden").Inc()
			r.log.Warn("no file is deleted", slog.Any("error", err))
			return 0
		}
	}
	gone, err := on.rows.Sweep(ctx, sweepBatch, func(ctx context.Context, id thumb.ID, path string) error {
		return r.remove(ctx, on, id, path)
	})
	if err != nil && ctx.Err() == nil {
		r.metrics.swept.WithLabelValues("failed").Inc()
		r.log.Debug("sweep failed", slog.Any("error", err))
	}
	return gone
}

// remove deletes one file, under its capture's folder only. Anything else, which a
// changed storage.prefix or a row of the app's may have left, is not ours to touch:
// it is forgotten.
func (r *Renderer) remove(ctx context.Context, on *shelf, id thumb.ID, path string) error {
	if !on.holds(id, path) {
		r.metrics.swept.WithLabelValues("refused").Inc()
		r.log.Warn("file left alone, it is not in its capture's folder", slog.Int64("capture", int64(id)), slog.String("path", path))
		return nil
	}
	r.hook("file claimed")
	if err := on.storage.Delete(ctx, path); err != nil {
		r.metrics.swept.WithLabelValues("failed").Inc()
		return fmt.Errorf("deleting %s: %w", path, err)
	}
	r.hook("file deleted")
	r.metrics.swept.WithLabelValues("deleted").Inc()
	r.log.Debug("file swept", slog.Int64("capture", int64(id)), slog.String("path", path))
	return nil
}
