package imaging

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// draftsEvery is how far apart the rounds are at most in which projects, and all rows
	// of private thumbnails, are looked at; they are a quarter of storage.delete_after
	// apart where that is less.
	draftsEvery = 10 * time.Minute
	// changesEvery is how long captures that have changed are gathered before their
	// private rows are looked at, and maxChanges how many are. The others wait for the
	// next round.
	changesEvery = 5 * time.Second
	maxChanges   = 10_000
	// orphanPortion and draftPortion are how many rows, or captures, a statement looks at.
	orphanPortion = 1000
	draftPortion  = 100
	// shortestPace is the least time between two statements of a round.
	shortestPace = 20 * time.Millisecond
)

// drafts keeps what lies on either shelf in accord with what projects are: private rows
// whose capture is gone or no draft any more go, and so do the public rows of projects
// that have been drafts for storage.delete_after. Their files follow by the shelves' own
// sweeps, storage.delete_after later. Each step is one statement, which looks for itself
// whether what it removes is to go: a replica may die between any two of them, and two may
// do the same.
type drafts struct {
	r       *Renderer
	private *Private
	again   chan struct{} // has a value when projects are to be looked at

	mu      sync.Mutex
	changes map[thumb.ID]struct{}
}

func newDrafts(r *Renderer, private *Private) *drafts {
	return &drafts{r: r, private: private, again: make(chan struct{}, 1), changes: map[thumb.ID]struct{}{}}
}

// changed says that captures may have been deleted, or moved to another project.
func (d *drafts) changed(ids []thumb.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if len(d.changes) < maxChanges {
			d.changes[id] = struct{}{}
		}
	}
}

// look says that projects may have turned draft, or public.
func (d *drafts) look() {
	select {
	case d.again <- struct{}{}:
	default: // it is said already
	}
}

// tend does all that, until ctx ends.
func (d *drafts) tend(ctx context.Context) {
	interval := min(max(d.r.cfg().DeleteAfter/4, shortestSweep), draftsEvery)
	round, changes, pace := time.NewTimer(rand.N(interval)), time.NewTicker(changesEvery), time.NewTimer(0)
	defer round.Stop()
	defer changes.Stop()
	defer pace.Stop()
	var w draftWalk
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.again:
			d.see(ctx)
		case <-changes.C:
			d.removeChanged(ctx)
		case <-round.C:
			d.see(ctx)
			w.orphans, w.projects = true, true
			pace.Reset(0)
			round.Reset(interval/2 + rand.N(interval))
		case <-pace.C:
			if removed, more := d.step(ctx, &w); more {
				pace.Reset(max(shortestPace, time.Duration(removed)*time.Second/time.Duration(max(d.r.cfg().SweepRate, 1))))
			}
		}
	}
}

// draftWalk is how far a round has come.
type draftWalk struct {
	orphans, projects bool     // still to be gone through
	row               int64    // the last private row that was looked at
	project           int64    // whose public rows are being removed; 0: none
	capture           thumb.ID // of it, the last that was looked at
}

// step takes one step of a round. More says whether there are others.
func (d *drafts) step(ctx context.Context, w *draftWalk) (removed int, more bool) {
	defer d.r.recovered("tending drafts")
	var err error
	switch {
	case w.project != 0:
		removed, w.capture, err = d.private.Drafts.RemovePublic(ctx, w.project, w.capture, draftPortion, d.r.cfg().DeleteAfter)
		d.removed("public", removed, err)
		if err == nil && w.capture == 0 {
			err = d.private.Drafts.DraftDone(ctx, w.project, max(d.r.cfg().DeleteAfter, draftsEvery))
			w.project = 0
		}
	case w.orphans:
		removed, w.row, err = d.private.Rows.RemoveOrphans(ctx, w.row, orphanPortion, d.r.cfg().DeleteAfter)
		d.removed("private", removed, err)
		w.orphans = w.row != 0
	case w.projects:
		w.capture = 0
		w.project, err = d.private.Drafts.ClaimDraft(ctx, d.r.cfg().DeleteAfter)
		w.projects = w.project != 0
		if w.projects {
			d.r.hook("draft claimed")
		}
	}
	if err != nil { // the next round begins anew; what was claimed is free again by then
		*w = draftWalk{}
		d.note(ctx, err)
	}
	return removed, w.orphans || w.projects
}

// see takes note of which projects are drafts.
func (d *drafts) see(ctx context.Context) {
	defer d.r.recovered("looking at projects")
	d.note(ctx, d.private.Drafts.SeeDrafts(ctx, d.r.cfg().DeleteAfter))
}

// removeChanged looks at the private rows of captures that have changed.
func (d *drafts) removeChanged(ctx context.Context) {
	defer d.r.recovered("looking at captures that have changed")
	d.mu.Lock()
	ids := make([]thumb.ID, 0, len(d.changes))
	for id := range d.changes {
		ids = append(ids, id)
	}
	clear(d.changes)
	d.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	removed, err := d.private.Rows.RemoveOrphansOf(ctx, ids, d.r.cfg().DeleteAfter)
	d.removed("private", removed, err)
	d.note(ctx, err)
}

// removed says that rows were removed.
func (d *drafts) removed(rows string, removed int, err error) {
	if err == nil && removed > 0 {
		d.r.hook(rows + " rows removed")
		d.r.metrics.outdated.WithLabelValues(rows).Add(float64(removed))
		d.r.log.Info("thumbnail rows removed: their captures are gone, or have turned public or draft",
			slog.String("rows", rows), slog.Int("removed", removed))
	}
}

func (d *drafts) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		d.r.log.Debug("drafts not tended to", slog.Any("error", err))
	}
}
