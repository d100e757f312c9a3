package responses

import (
	"sync/atomic"
	"time"
)

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
	start time.Time              // that seconds are counted from, lest a step of the wall clock matters
	slots [1 << 14]atomic.Uint64 // of a hash 40 bits, the verdict in 2, seconds in 22
}

// remembered is how long an answer that could not be kept counts.
const remembered = 60 * time.Second

func (v *verdicts) note(hash uint64, what verdict, now time.Time) {
	v.slot(hash).Store(hash>>24<<24 | uint64(what)<<22 | v.seconds(now))
}

func (v *verdicts) of(hash uint64, now time.Time) verdict {
	slot := v.slot(hash).Load()
	if slot>>24 != hash>>24 {
		return verdictNone
	}
	what := verdict(slot >> 22 & 3)
	if age := (v.seconds(now) - slot) & (1<<22 - 1); what == verdictUnstorable && age >= uint64(remembered/time.Second) {
		return verdictNone
	}
	return what
}

func (v *verdicts) seconds(now time.Time) uint64 {
	return uint64(now.Sub(v.start)/time.Second) & (1<<22 - 1)
}

func (v *verdicts) slot(hash uint64) *atomic.Uint64 { return &v.slots[hash%uint64(len(v.slots))] }

// known is what the verdict on the URL goes by: what is kept for requests that show nothing
// says nothing of others.
func (v *visit) known() uint64 {
	if v.alike {
		return ^v.hash
	}
	return v.hash
}

func (e *Entry) verdict() verdict {
	if e.forEveryone {
		return verdictForEveryone
	}
	return verdictStorable
}
