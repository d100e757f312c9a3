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
	done  chan struct{}
	entry *Entry // read after done; nil: the answer is nobody else's
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
func (f *flights) land(key string, fl *flight, e *Entry) {
	f.mu.Lock()
	delete(f.open, key)
	f.mu.Unlock()
	fl.entry = e
	close(fl.done)
}

// await waits for a flight to land, and returns its entry, nil where that comes too late
// or is none.
func (fl *flight) await(wait func(<-chan struct{}) bool) *Entry {
	if !wait(fl.done) {
		return nil
	}
	return fl.entry
}

// join waits for the answer to the same request of another client, where it is likely to
// be kept, and returns it. Where there is none, the request leads.
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
			return nil
		}
		got := fl.await(func(done <-chan struct{}) bool { return v.r.Wait(ctx, done) })
		if got == nil {
			return nil
		}
		if v.now = time.Now(); v.c.holds(v.hash, got) && v.selects(got) {
			if got.anonymous && !v.alike || !v.decodes(got) || !v.mayHave(got) || got.use(&v.q, v.now) == useValidated {
				return nil
			}
			return got
		}
		// It is another variant, or out of date: the next one may be this request's.
	}
}

// flightKey keeps requests that show nothing apart from others.
func (v *visit) flightKey() []byte {
	if v.alike {
		return append(v.key, '\n')
	}
	return v.key
}

// land ends the flight that others wait for, if the request leads one.
func (v *visit) land(e *Entry) {
	if v.lead != nil {
		v.c.flights.land(string(v.flightKey()), v.lead, e)
		v.lead = nil
	}
}
