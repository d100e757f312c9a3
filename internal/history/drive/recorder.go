package drive

import (
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
)

// recorder collects what is seen while a site runs. Its methods may be called from any
// goroutine.
type recorder struct {
	began time.Time // without a monotonic reading: the database's clock is compared

	mu       sync.Mutex
	seen     history.History
	ongoing  map[int]*history.Fault
	faulted  int
	replicas map[string]history.Replica
}

func newRecorder(settings history.Settings) *recorder {
	return &recorder{
		began: time.Now().Round(0), seen: history.History{Settings: settings},
		ongoing: map[int]*history.Fault{}, replicas: map[string]history.Replica{},
	}
}

// now is the present moment.
func (r *recorder) now() history.Moment { return r.at(time.Now()) }

// at is the moment of a time by the wall clock.
func (r *recorder) at(t time.Time) history.Moment { return t.Round(0).Sub(r.began) }

// record has do add to the history.
func (r *recorder) record(do func(h *history.History)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(&r.seen)
}

// fault records a fault that begins now; it lasts until over is called.
func (r *recorder) fault(f history.Fault) (over func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Start, f.End = r.now(), history.Forever-time.Hour
	r.faulted++
	number := r.faulted
	r.ongoing[number] = &f
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ongoing[number] != nil {
			delete(r.ongoing, number)
			f.End = r.now()
			r.seen.Faults = append(r.seen.Faults, f)
		}
	}
}

// runs records a process of the product, with the widths of its labels.
func (r *recorder) runs(name string, widths map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replicas[name] = history.Replica{Widths: widths}
}

// copy returns what was seen until a moment. What is read of the database is to be read
// after the moment, and before the copy is made: then it explains all that is in it.
func (r *recorder) copy(until history.Moment, changes func(h *history.History) error) (*history.History, error) {
	h := &history.History{}
	if err := changes(h); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h.Settings, h.Originals, h.Puts = r.seen.Settings, append(h.Originals, r.seen.Originals...), append(h.Puts, r.seen.Puts...)
	h.Replicas = map[string]history.Replica{}
	for name, replica := range r.replicas {
		h.Replicas[name] = replica
	}
	h.Faults = append(h.Faults, r.seen.Faults...)
	for _, f := range r.ongoing {
		h.Faults = append(h.Faults, *f)
	}
	for _, d := range r.seen.Deletes {
		if d.End <= until {
			h.Deletes = append(h.Deletes, d)
		}
	}
	for _, f := range r.seen.Fetches {
		if f.Start <= until {
			h.Fetches = append(h.Fetches, f)
		}
	}
	for _, a := range r.seen.Answers {
		if a.End <= until {
			h.Answers = append(h.Answers, a)
		}
	}
	for _, read := range r.seen.Reads {
		if read.End <= until {
			h.Reads = append(h.Reads, read)
		}
	}
	return h, nil
}

// watchStalls records when the machine kept everybody waiting, until done is closed.
func (r *recorder) watchStalls(done <-chan struct{}) {
	const tick, late = 5 * time.Millisecond, 15 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := r.now()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		now := r.now()
		if now-last > tick+late {
			r.record(func(h *history.History) {
				h.Faults = append(h.Faults, history.Fault{Start: last + tick, End: now, What: "the machine stood", Kind: history.FaultStall})
			})
		}
		last = now
	}
}
