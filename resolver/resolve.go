package resolver

import (
	"context"
	"fmt"
	"time"

	"github.com/thumbedge/thumbedge/internal/curve"
	"github.com/thumbedge/thumbedge/resolver/store"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Resolve fills known[i] with what is known of ids[i]. The ids are distinct,
// and known is as long. Captures that are in memory cost no query; the
// others cost one at most, for which Resolve waits until the page timeout, or
// until ctx ends. On an error, which wraps thumb.ErrDatabase, captures of
// which nothing could be learned are Unresolved, and the others are right.
func (r *Reader) Resolve(ctx context.Context, ids []thumb.ID, known []thumb.Known) error {
	w := r.w
	var tally tally
	missing := r.lookUp(ids, known, &tally)
	w.metrics.lookUps(&tally)
	if len(missing) == 0 {
		w.metrics.pages[fromMemory].Inc()
		r.tellCurve(ids, known, nil)
		return nil
	}
	began := w.now()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.PageTimeout)
	defer cancel()
	seats, own, err := r.board(ids, known, missing)
	if own != nil {
		go w.fly(context.WithoutCancel(ctx), own)
	}
	shared := 0
	for i, s := range seats {
		if s.flight == nil {
			continue
		}
		told, waitErr := s.wait(ctx)
		if waitErr != nil {
			err = waitErr
			continue
		}
		known[missing[i]] = told
		if s.flight != own {
			shared++
		}
	}
	w.metrics.waitSeconds.Observe((w.now() - began).Seconds())
	w.metrics.shared.Add(float64(shared))
	source := pageSource(own, shared, err)
	w.metrics.pages[source].Inc()
	if source == fromMemory { // what it lacked has come into memory meanwhile
		missing = nil
	}
	r.tellCurve(ids, known, missing)
	return err
}

// tellCurve tells the size curve of a page, and what was not in memory of it.
func (r *Reader) tellCurve(ids []thumb.ID, known []thumb.Known, missing []int) {
	w := r.w
	if len(ids) == 0 || w.Reader() != r {
		return
	}
	hood := curve.Hood(uint64(ids[0] >> hoodWidth))
	if !w.curve.Count(hood, len(ids), len(missing)) {
		return
	}
	l := curve.Lookup{
		Hood: hood, Keys: len(ids), Missing: missing, Now: w.now(),
		Trust: r.cfg.TTLUnlistened, TrustMissing: r.cfg.TTLUnlistened, Cost: w.meanCost(),
	}
	if w.connected(l.Now) {
		l.Trust = r.cfg.TTL
	}
	w.curve.Show(l, func(i int) (uint64, curve.Standing) { return ids[i].Hash(), standingOf(known[i].Standing) })
}

func pageSource(own *flight, shared int, err error) int {
	switch {
	case err != nil:
		return fromNowhere
	case own != nil:
		return fromQuery
	case shared > 0:
		return fromShared
	}
	return fromMemory
}

// lookUp fills in what is in memory, and returns the positions of the other captures,
// which it leaves Unresolved. It allocates only for those.
func (r *Reader) lookUp(ids []thumb.ID, known []thumb.Known, tally *tally) (missing []int) {
	var rests rests
	for from := 0; from < len(ids); from += atOnce {
		missing = r.lookUpSome(ids, known, from, min(from+atOnce, len(ids)), missing, tally)
		rests.did(atOnce)
	}
	return missing
}

// lookUpSome looks up ids[from:to].
func (r *Reader) lookUpSome(ids []thumb.ID, known []thumb.Known, from, to int, missing []int, tally *tally) []int {
	w := r.w
	now := w.now()
	connected := w.connected(now)
	w.mu.RLock()
	defer w.mu.RUnlock()
	var entries [atOnce]store.Entry
	if r.finds() {
		w.store.GetSome(ids[from:to], now, &entries)
	}
	for i := from; i < to; i++ {
		e := &entries[i-from]
		result := r.judge(ids[i], e, now, connected)
		tally[result]++
		if result < lookUpAbsent {
			e.Fill(&known[i])
			continue
		}
		known[i] = thumb.Known{}
		if missing == nil {
			missing = make([]int, 0, len(ids)-i)
		}
		missing = append(missing, i)
	}
	return missing
}

// find returns the entry of a capture if it is to be believed. The caller holds mu.
func (r *Reader) find(id thumb.ID, now time.Duration, connected bool) (e store.Entry, believed bool) {
	if !r.finds() {
		return e, false
	}
	e = r.w.store.Get(id)
	return e, r.judge(id, &e, now, connected) < lookUpAbsent
}

// finds says whether the store's entries are by the Reader's labels. The caller holds mu.
func (r *Reader) finds() bool { return r.w.store != nil && r.w.labels == r.labels }

// judge says what the look-up of a capture came to: its standing, or why the entry is not
// to be believed. The caller holds mu.
func (r *Reader) judge(id thumb.ID, e *store.Entry, now time.Duration, connected bool) int {
	switch {
	case !e.Held():
		return lookUpAbsent
	case r.w.outdated(id, e):
		return lookUpOutdated
	case now-e.Read() >= r.trust(e, connected):
		return lookUpExpired
	}
	return int(e.Standing())
}

// outdated says whether a notification has overtaken the entry. The caller holds mu.
func (w *WarmSet) outdated(id thumb.ID, e *store.Entry) bool {
	seq := e.Seq()
	return seq < w.floor.Load() || seq < w.store.Marked(id)
}

// trust is how long an entry is believed from when its query began. That a
// capture appears is not notified.
func (r *Reader) trust(e *store.Entry, connected bool) time.Duration {
	if connected && e.Standing() != thumb.Missing {
		return r.cfg.TTL
	}
	return r.cfg.TTLUnlistened
}

// Fresh reads one capture past the warm set, by a query that begins after the
// call, and remembers what it told. It waits until the query's own limit (a second
// or so), or until ctx ends. An error wraps thumb.ErrDatabase.
func (r *Reader) Fresh(ctx context.Context, id thumb.ID) (thumb.Known, error) {
	w := r.w
	w.flights.mu.Lock()
	own, err := r.begin(1, w.now())
	var s seat
	if err == nil {
		s = w.flights.add(own, id)
	}
	w.flights.mu.Unlock()
	if err != nil {
		return thumb.Known{}, fmt.Errorf("reading capture %d: %w", id, err)
	}
	go w.fly(context.WithoutCancel(ctx), own)
	return s.wait(ctx)
}
