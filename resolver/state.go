package resolver

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// State is what the warm set is like at a moment, for the admin listener.
type State struct {
	MaxSize     int64  `json:"max_size"`   // bytes
	Used        int64  `json:"used"`       // bytes, by the warm set's own account
	Captures    int64  `json:"captures"`   // held, those that are outdated by now too
	Evictions   uint64 `json:"evictions"`  // since it was made, resized or cleared
	Generation  uint64 `json:"generation"` // how often LISTEN has committed
	Connected   bool   `json:"connected"`  // notifications are being heard
	BreakerOpen bool   `json:"breaker_open"`
	Queries     int    `json:"queries"` // on their way
}

// State returns the present state.
func (w *WarmSet) State() State {
	state := State{
		Generation:  w.generation.Load(),
		Connected:   w.connected(w.now()),
		BreakerOpen: w.breaker.open(),
	}
	w.flights.mu.Lock()
	state.Queries = w.flights.flying
	w.flights.mu.Unlock()
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.store != nil {
		state.MaxSize, state.Used = w.store.Size(), w.store.Used()
		state.Captures, state.Evictions = w.store.Entries(), w.store.Evicted()
	}
	return state
}

// Entry is what the warm set holds of a capture, for the admin listener.
type Entry struct {
	ID       thumb.ID      `json:"id"`
	Standing string        `json:"standing"`
	Labels   []EntryLabel  `json:"labels,omitempty"` // of a public capture, as configured
	Age      time.Duration `json:"age_ns"`           // since its query began
	Left     time.Duration `json:"left_ns"`          // that it is still believed, as things stand
	Size     int64         `json:"size"`             // bytes it takes
}

// EntryLabel is a label of an Entry.
type EntryLabel struct {
	Label   string `json:"label"`
	Verdict string `json:"verdict"`
	Path    string `json:"path,omitempty"` // of a warm one
}

// Lookup returns what a page would now be told of a capture without a query;
// false where it would need one.
func (w *WarmSet) Lookup(id thumb.ID) (Entry, bool) {
	now := w.now()
	connected := w.connected(now)
	w.mu.RLock()
	r := w.Reader()
	e, believed := r.find(id, now, connected)
	w.mu.RUnlock()
	if !believed {
		return Entry{}, false
	}
	found := Entry{
		ID: id, Standing: e.Standing().String(), Age: now - e.Read(), Left: e.Read() + r.trust(&e, connected) - now, Size: e.Cost(),
	}
	if e.Standing() != thumb.Public && e.Standing() != thumb.Draft {
		return found, true
	}
	var known thumb.Known
	e.Fill(&known)
	for i, spec := range r.cfg.Specs {
		label := EntryLabel{Label: spec.Label, Verdict: known.Verdicts[i].String()}
		if known.Verdicts[i] == thumb.Warm {
			label.Path = string(r.AppendKey(nil, id, &known, i))
		}
		found.Labels = append(found.Labels, label)
	}
	return found, true
}

// meanCost is what the captures held cost on average, in bytes; 0 where there are too
// few to say.
func (w *WarmSet) meanCost() float64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.store == nil {
		return 0
	}
	return w.store.MeanCost()
}
