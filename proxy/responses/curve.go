package responses

import (
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/internal/curve"
)

// Curve says what the cache would answer at other sizes, by the requests of the last hours
// for what may be kept. What the app lets nobody keep is not among them: no size helps.
type Curve struct {
	Requests int64       `json:"requests"` // that it is measured by; older ones weigh less
	Sizes    []CurveSize `json:"sizes"`    // the smallest first
	Advice   string      `json:"advice"`
}

// CurveSize is one size of a Curve.
type CurveSize struct {
	Times    float64 `json:"times"`    // the present size
	MaxSize  int64   `json:"max_size"` // bytes
	Requests float64 `json:"requests"` // share of requests answered without the app
	Bytes    float64 `json:"bytes"`    // share of the bytes of their bodies
}

// minSize is the least that responses.max_size may be.
const minSize = 2 << 20

// Curve returns the present size curve.
func (c *Cache) Curve() Curve {
	drawn := c.curve.Curve()
	told := Curve{Requests: drawn.Lookups, Advice: drawn.Advice(minSize, "requests for what may be kept", "do without the app")}
	for _, s := range drawn.Sizes {
		told.Sizes = append(told.Sizes, CurveSize{Times: s.Times, MaxSize: s.MaxSize, Requests: s.Lookups, Bytes: s.Keys})
	}
	return told
}

// imitated is what the size curve has to know of the store.
func imitated() curve.Imitated {
	return curve.Imitated{MinSize: minSize, Room: room, Counters: counters, Batch: batch, Sized: true}
}

// first are the positions that were missing of a single answer.
var first = []int{0}

// tell tells the size curve of a request that an entry answers: found, or kept now. anyway
// says that at any size the app would have been asked.
func (c *Cache) tell(e *Entry, found, anyway bool, now time.Time) {
	hood, size, lacked := curve.Hood(e.id), max(len(e.kept.Body), 1), 0
	if !found {
		lacked = size
	}
	if !c.curve.Count(hood, size, lacked) {
		return
	}
	l := curve.Lookup{
		Hood: hood, Keys: 1, Now: now.Sub(c.start), Trust: max(e.life+max(e.staleWhile, 0)-e.initialAge, 0),
		Cost: float64(e.cost()), Weight: float64(size), Anyway: anyway,
	}
	if !found {
		l.Missing = first
	}
	c.curve.Show(l, func(int) (uint64, curve.Standing) { return e.id, curve.There })
}

// identify gives the entry the number by which the size curve knows it: it is the same for
// all answers that take each other's place.
func (e *Entry) identify() {
	e.id = e.hash ^ xxhash.Sum64String(e.told)
	for _, value := range e.selectors.values {
		e.id = e.id*31 + xxhash.Sum64String(value)
	}
}

// counts says whether the request is one of those that the size curve is drawn by: heads and
// parts are answered out of what is kept, but never kept.
func (v *visit) counts() bool {
	return !v.later && !v.q.head && (v.page || !v.q.ranged)
}
