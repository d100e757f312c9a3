package resolver

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// mostWatched is how many captures are watched at once: looking whether they changed is done
// in one go.
const mostWatched = 512

// Watch returns what says, as often as it is called, whether all that memory told of these
// captures at the time of Watch still holds: none was notified of since, nor was everything,
// and none has become too old to be believed. That costs a few nanoseconds a capture, and no
// look-up; it may be called from many goroutines. Nobody may change ids any more. It is nil
// where memory does not have all of them, where notifications are not heard, or where there
// are more than can be looked at in one go.
//
// What Resolve tells after Watch may be newer than what is watched, never older: a
// notification between the two makes it say that something changed.
func (r *Reader) Watch(ids []thumb.ID) (unchanged func() bool) {
	w := r.w
	w.flights.mu.Lock()
	seq := w.flights.seq
	w.flights.mu.Unlock()
	now := w.now()
	if len(ids) > mostWatched || !w.connected(now) {
		return nil
	}
	until, held := r.believedUntil(ids, now)
	if !held {
		return nil
	}
	return func() bool {
		if !r.unchanged(ids, seq, until) {
			return false
		}
		w.metrics.pages[fromMemory].Inc()
		return true
	}
}

// believedUntil is when the first of these captures is no longer believed, as long as
// notifications are heard; false where one is not believed now.
func (r *Reader) believedUntil(ids []thumb.ID, now time.Duration) (until time.Duration, held bool) {
	r.w.mu.RLock()
	defer r.w.mu.RUnlock()
	until = now + r.cfg.TTL
	for _, id := range ids {
		e, believed := r.find(id, now, true)
		if !believed {
			return 0, false
		}
		until = min(until, e.Read()+r.trust(&e, true))
	}
	return until, true
}

// unchanged says whether nothing was notified since seq, and it is not yet until.
func (r *Reader) unchanged(ids []thumb.ID, seq uint64, until time.Duration) bool {
	w := r.w
	now := w.now()
	if now >= until || !w.connected(now) || w.floor.Load() > seq {
		return false
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !r.finds() {
		return false
	}
	for _, id := range ids {
		if w.store.Marked(id) > seq {
			return false
		}
	}
	return true
}
