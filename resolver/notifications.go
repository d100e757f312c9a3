package resolver

import (
	"slices"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// connectedFor is how long one notification of the proxy's own proves that
// others would have been heard.
const connectedFor = 2 * time.Second

// connected says whether notifications are being heard.
func (w *WarmSet) connected(now time.Duration) bool {
	return now-time.Duration(w.heard.Load()) <= connectedFor
}

// Connected says whether notifications are being heard: whatever was committed until two
// seconds ago has been told.
func (w *WarmSet) Connected() bool { return w.connected(w.now()) }

// Listening begins a new generation: LISTEN has committed on a new connection.
// What was read before may have changed unheard, and is not kept.
func (w *WarmSet) Listening() {
	w.generation.Add(1)
	w.changeAll(scopeGeneration)
}

// Heard says that a notification which the proxy sent itself came back just now:
// what was committed before it has been told. It must not be called while the
// triggers that notify are not installed.
func (w *WarmSet) Heard() { w.heard.Store(int64(w.now())) }

// Lost says that the connection has ended: from now on, entries are trusted for
// Config.TTLUnlistened.
func (w *WarmSet) Lost() { w.heard.Store(never) }

// Changed says that what is known of these captures is out of date. When it
// returns, no page that begins later is told what was true before.
func (w *WarmSet) Changed(ids []thumb.ID) { w.change(ids, scopeCaptures) }

// ChangedAll says that what is known of any capture may be out of date.
func (w *WarmSet) ChangedAll() { w.changeAll(scopeEverything) }

// change marks the captures, and shuts the flights that carry one of them.
func (w *WarmSet) change(ids []thumb.ID, scope int) {
	w.metrics.invalidations[scope].Inc()
	w.curve.Changed(len(ids), func(i int) uint64 { return ids[i].Hash() }, w.now())
	for some := range slices.Chunk(ids, atOnce) {
		w.changeSome(some)
	}
}

func (w *WarmSet) changeSome(ids []thumb.ID) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	w.flights.mu.Lock()
	defer w.flights.mu.Unlock()
	w.flights.seq++
	for _, id := range ids {
		if w.store != nil {
			w.store.Mark(id, w.flights.seq)
		}
		if s, ok := w.flights.open[id]; ok {
			s.flight.shut = true
		}
	}
}

// changeAll outdates every entry and closes every flight.
func (w *WarmSet) changeAll(scope int) {
	w.metrics.invalidations[scope].Inc()
	w.curve.ChangedAll(w.now())
	w.flights.mu.Lock()
	defer w.flights.mu.Unlock()
	w.flights.seq++
	w.floor.Store(w.flights.seq)
	w.flights.shutAll()
}
