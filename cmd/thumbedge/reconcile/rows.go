package reconcile

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// parallel is how many requests are under way at once. The rate holds whatever
// it is; this only hides the storage's latency.
const parallel = 8

// rows walks over all rows.
func (r *run) rows(ctx context.Context) error {
	for {
		r.tell(Progress{Phase: PhaseRows, Done: r.Summary.Rows + r.Summary.RowsLeftOut, Total: r.total})
		found, err := r.db.Rows(ctx, r.AfterRow, portion)
		if err != nil || len(found) == 0 {
			return err
		}
		last := found[len(found)-1].ID
		if err := r.rowPortion(ctx, found); err != nil {
			return err
		}
		r.AfterRow = last
		if err := r.save(ctx); err != nil {
			return err
		}
	}
}

// rowPortion looks at some rows. What it found counts only when all of it is done,
// so that a portion that is looked at again after a failure counts once.
func (r *run) rowPortion(ctx context.Context, rows []postgres.StoredRow) error {
	sum := r.Summary
	withPath := rows[:0]
	for _, row := range rows {
		if row.UpdatedAt.Before(r.Since) {
			sum.RowsLeftOut++
			continue
		}
		sum.Rows++
		r.judge(&row, &sum)
		if row.Path != "" {
			withPath = append(withPath, row)
		}
	}
	gone, err := filter(ctx, withPath, func(ctx context.Context, row postgres.StoredRow) (bool, error) {
		return r.missing(ctx, row.Path)
	})
	if err != nil {
		return err
	}
	sum.FilesFound += int64(len(withPath) - len(gone))
	sum.RowsFileGone += int64(len(gone))
	found := make([]candidate, len(gone))
	for i, row := range gone {
		found[i] = candidate{Row: row.ID, Path: row.Path}
	}
	if err := r.keep(ctx, &r.Gone, found); err != nil {
		return err
	}
	r.Summary = sum
	return nil
}

// judge counts a row that will regenerate when it is asked for next, by reason.
func (r *run) judge(row *postgres.StoredRow, sum *Summary) {
	position := r.cfg.Specs.Index(row.Label)
	if row.Label == "" || position < 0 {
		sum.RowsOtherLabel++
		return
	}
	spec := r.cfg.Specs[position]
	if thumb.Judge(&row.Row, spec, row.CaptureModified) == thumb.Warm {
		return
	}
	switch {
	case row.Path == "":
		sum.Regenerate.BlankPath++
	case row.Width != spec.Width:
		sum.Regenerate.OtherWidth++
	default:
		sum.Regenerate.OlderThanOriginal++
	}
}

// missing asks the storage whether a file is gone.
func (r *run) missing(ctx context.Context, path string) (bool, error) {
	if err := r.pace.Wait(ctx); err != nil {
		return false, err
	}
	there, err := r.storage.Exists(ctx, path)
	return err == nil && !there, err
}

// removeRows removes the rows whose file is gone.
func (r *run) removeRows(ctx context.Context) error {
	return r.goThrough(ctx, &r.Gone, r.Summary.RowsFileGone, r.removeRow, func(candidate) { r.Summary.RowsRemoved++ })
}

// removeRow removes a row whose file is gone, after a second look.
func (r *run) removeRow(ctx context.Context, c candidate) (bool, error) {
	if gone, err := r.missing(ctx, c.Path); err != nil || !gone {
		return false, err
	}
	return r.db.DeleteRow(ctx, c.Row, c.Path)
}

// filter returns the items that keep says true of, in no order, asking about some
// at once.
func filter[T any](ctx context.Context, items []T, keep func(context.Context, T) (bool, error)) ([]T, error) {
	kept := make([]T, len(items))
	var n atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, item := range items {
		group.Go(func() error {
			ok, err := keep(ctx, item)
			if ok {
				kept[n.Add(1)-1] = item
			}
			return err
		})
	}
	err := group.Wait()
	return kept[:n.Load()], err
}
