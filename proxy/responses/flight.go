package responses

import (
	"sync"
	"sync/atomic"
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

// verdict is what became of the last answer of a URL.
type verdict uint8

const (
	verdictNone verdict = iota
	verdictUnstorable
	verdictStorable
	verdictForEveryone // those who show cookies or credentials, too
)

// verdicts remember, for a bounded number of URLs, whether their last answers could be
// kept: only where they could do requests wait for one another.
type verdicts struct {
	slots [1 << 14]atomic.Uint64 // of a hash 40 bits, the verdict in 2, seconds in 22
}

// remembered is how long an answer that could not be kept counts.
const remembered = 60 * time.Second

func (v *verdicts) note(hash uint64, what verdict, now time.Time) {
	v.slot(hash).Store(hash>>24<<24 | uint64(what)<<22 | uint64(now.Unix())&(1<<22-1))
}

func (v *verdicts) of(hash uint64, now time.Time) verdict {
	slot := v.slot(hash).Load()
	if slot>>24 != hash>>24 {
		return verdictNone
	}
	what := verdict(slot >> 22 & 3)
	if age := (uint64(now.Unix()) - slot) & (1<<22 - 1); what == verdictUnstorable && age >= uint64(remembered/time.Second) {
		return verdictNone
	}
	return what
}

func (v *verdicts) slot(hash uint64) *atomic.Uint64 { return &v.slots[hash%uint64(len(v.slots))] }
