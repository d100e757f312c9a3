package responses

import (
	"context"
	"sync"
	"time"
)

// flightWait is how long a request waits for another one's answer at most.
const flightWait = time.Second

// flight is a request to the app whose answer others wait for.
type flight struct {
	done chan struct{}
	// entry and failed are read after done. entry is nil where the answer is nobody else's.
	// failed: the app gave no whole answer, which says nothing of whether the next may be
	// kept; entry then stands in for it, where there is one that may.
	entry  *Entry
	failed bool
}

// flights are the requests under way whose answers are likely to be kept. Each has one
// leader, which lands it once.
type flights struct {
	mu   sync.Mutex
	open map[string]*flight
}

// board joins the flight for a key: leads says that there was none, and that the caller
// has to land it.
func (f *flights) board(key []byte) (fl *flight, leads bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl, ok := f.open[string(key)]; ok {
		return fl, false
	}
	fl = &flight{done: make(chan struct{})}
	f.open[string(key)] = fl
	return fl, true
}

// land ends a flight.
func (f *flights) land(key string, fl *flight, e *Entry, failed bool) {
	f.mu.Lock()
	delete(f.open, key)
	f.mu.Unlock()
	fl.entry, fl.failed = e, failed
	close(fl.done)
}

// join waits for the answer to the same request of another client, where it is likely to
// be kept, and returns it. Where there is none, the request leads. Where it turns out, as
// soon as its head is there, that the answer cannot be kept, all who wait go to the app at
// once. Where the app has failed, one of them leads the others.
func (v *visit) join(e *Entry) *Entry {
	last := v.c.verdicts.of(v.known(), v.now)
	shows := v.q.cookie || v.q.authorization
	if v.aside || last < verdictStorable && !(v.alike && last == verdictNone) || shows && last != verdictForEveryone ||
		v.q.directives.noCache || v.q.directives.maxAge != none || v.q.directives.minFresh != none || v.q.condition != noCondition && !v.page && e == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flightWait)
	defer cancel()
	for {
		fl, leads := v.c.flights.board(v.flightKey())
		if leads {
			v.lead = fl
			return v.keptMeanwhile(e)
		}
		if !v.r.Wait(ctx, fl.done) {
			return nil // it comes too late
		}
		got := fl.entry
		if v.now = time.Now(); got == nil && !fl.failed {
			return nil
		}
		if got != nil && v.c.holds(v.hash, got) && v.selects(got) {
			return v.landed(got, fl.failed)
		}
		// The app failed, or it is another variant, or out of date: the next may be this
		// request's.
	}
}

// keptMeanwhile returns the answer to a flight that landed after the request had looked for
// one, before, and before it led a flight itself.
func (v *visit) keptMeanwhile(before *Entry) *Entry {
	v.now = time.Now()
	e, _ := v.find()
	if e == nil || e == before || e.use(&v.q, v.now) != useFresh {
		return nil
	}
	v.land(e, false)
	return e
}

// landed returns the entry of a flight that the request has waited for, if it may have it.
func (v *visit) landed(e *Entry, failed bool) *Entry {
	switch {
	case e.anonymous && !v.alike, !v.decodes(e), !v.mayHave(e):
		return nil
	case failed && v.standsIn(e), !failed && e.use(&v.q, v.now) != useValidated:
		return e
	}
	return nil
}

// flightKey keeps requests that show nothing apart from others.
func (v *visit) flightKey() []byte {
	if v.alike {
		return append(v.key, '\n')
	}
	return v.key
}

// land ends the flight that others wait for, if the request leads one.
func (v *visit) land(e *Entry, failed bool) {
	if v.lead != nil {
		v.c.flights.land(string(v.flightKey()), v.lead, e, failed)
		v.lead = nil
	}
}
