package curve

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Imitated is how a cache goes about its memory: what miniatures need to know to do as it
// does.
type Imitated struct {
	// MinSize is the smallest size that the cache may have, in bytes.
	MinSize int64
	// Room is what a cache of size bytes has for what it holds, Counters how many
	// counters of reads it has.
	Room, Counters func(size int64) int64
	// Batch is how many reads are gathered before they are counted.
	Batch int
	// OfferAgain says whether a key that was refused is offered once more; nil: never.
	OfferAgain func() bool
	// Cost is what a key takes, in bytes, until Lookup.Cost tells.
	Cost float64
	// Sized: a look-up has one key, and Lookup.Cost is what that one takes.
	Sized bool
}

func (c *Imitated) offersAgain() bool { return c.OfferAgain != nil && c.OfferAgain() }

// Estimator draws the size curve. Every method may be called from many goroutines.
// Count, Show, Changed and ChangedAll, which belong on the path of a request, never
// wait for anything.
type Estimator struct {
	cache Imitated
	feed  feed
	told  told

	// shown has a bit for each neighbourhood that any miniature is shown.
	shown [1 << hoodBits / 64]atomic.Uint64

	// mu is held by the feed's goroutine, a page at a time, and by those who read the
	// curve or resize it; never on the path of a request.
	mu sync.Mutex
	// minis are of the smallest sizes: all those that are full, and one that is not,
	// which stands for the larger ones, too: they would hold the same.
	minis    []*miniature
	size     int64 // the present one
	counted  [len(sizes)]counted
	windows  windows
	scale    func(size int64, cost float64) uint // of miniatures, to begin with
	limit    int                                 // of keys that a miniature holds
	cost     float64                             // of a key, on average; 1 where they are sized
	lookups  int                                 // shown
	scratch  [mostShown]bool
	observed observed
}

// sizes are the sizes of a curve, in 48ths of the present one.
var sizes = [...]int64{3, 6, 12, 18, 24, 36, 48, 72, 96, 144, 192, 384}

const present = 6 // of sizes

// New makes the estimator of a cache of size bytes. The caller closes it.
func New(size int64, cache Imitated) *Estimator {
	e := &Estimator{cache: cache, size: size, limit: maxHeld, cost: cache.Cost, observed: observed{fadeAt: fadeEvery}}
	if e.scale = e.usualScale; cache.Sized {
		// How many keys a size is worth is not known: miniatures shrink once they hold so many.
		e.scale, e.limit, e.cost = undiminished, maxSized, 1
	}
	e.start()
	return e
}

func undiminished(int64, float64) uint { return 0 }

// NewExhaustive makes one whose miniatures are shown every look-up, whatever memory and
// processor time that takes: tests hold the others against it.
func NewExhaustive(size int64, cache Imitated) *Estimator {
	e := &Estimator{cache: cache, size: size, limit: 1 << 20, cost: cache.Cost, scale: undiminished, observed: observed{fadeAt: fadeEvery}}
	e.start()
	return e
}

func (e *Estimator) start() {
	e.minis = []*miniature{e.miniature(0, nil)}
	e.publish()
	e.feed.start(e.take, e.cache.Sized)
}

// Close ends the estimator's goroutine. The curve stays as it is.
func (e *Estimator) Close() { e.feed.close() }

func (e *Estimator) sizeAt(i int) int64 { return e.size * sizes[i] / sizes[present] }

// miniature makes the one of a size, which takes over from another.
func (e *Estimator) miniature(i int, from *miniature) *miniature {
	size := e.sizeAt(i)
	return newMiniature(&e.cache, size, e.scale(size, e.cost), e.limit, e.cost, &e.windows, from)
}

// at returns the miniature that stands for a size.
func (e *Estimator) at(i int) *miniature { return e.minis[min(i, len(e.minis)-1)] }

// grow adds the miniature of the next size once the last one is full.
func (e *Estimator) grow(keys, cost int) {
	last := e.minis[len(e.minis)-1]
	if n := len(e.minis); n < len(sizes) && last.full(keys, cost) {
		e.minis = append(e.minis, e.miniature(n, last))
	}
}

// publish says which neighbourhoods are shown, after the miniatures' shifts and
// windows. The caller holds mu.
func (e *Estimator) publish() {
	var shown [len(e.shown)]uint64
	for _, m := range e.minis {
		first := e.windows[m.shift].first
		for hood := first; hood != first+1<<(hoodBits-m.shift); hood++ {
			shown[hood&hoodMask/64] |= 1 << (hood % 64)
		}
	}
	for i := range shown {
		e.shown[i].Store(shown[i])
	}
}

// Count counts a look-up in a neighbourhood (Hood), its keys, and how many of those the
// cache lacked; of a sized key, its weight instead. It says whether the look-up is one of
// those to Show.
func (e *Estimator) Count(hood uint32, keys, lacked int) (show bool) {
	e.told.add(keys, lacked)
	return e.shown[hood/64].Load()>>(hood%64)&1 != 0
}

// take carries out what the feed brings, and lets other goroutines have their turn
// meanwhile.
func (e *Estimator) take(ev *event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if at := e.feed.changedAll.Swap(0); at != 0 {
		e.outdateAll(at)
	}
	switch ev.kind {
	case lookupShown:
		e.lookup(ev)
	case keysChanged:
		e.outdate(ev)
	}
}

// lookup shows a look-up to the miniatures.
func (e *Estimator) lookup(p *event) {
	p.costOf, p.absent = e.cost, e.scratch[:len(p.keys)]
	p.units = 1
	if e.cache.Sized {
		p.units = int(p.cost)
	}
	e.grow(len(p.keys), p.units)
	for _, m := range e.minis {
		if m.lacked = notShown; m.shows(p.hood) {
			m.lacked = m.lookup(p)
		}
	}
	e.count(p)
	if e.lookups++; e.lookups%turnEvery == 0 {
		e.catchUp()
		e.turn()
		if !e.cache.Sized {
			e.fit(p.cost)
		}
		e.publish()
	}
	if p.now >= inSeconds(e.observed.fadeAt) {
		e.fade(p.now)
	}
}

// missed is how many look-ups lacked something, and how many keys were not found.
type missed struct{ lookups, keys float64 }

// counted is what the miniature of a size missed of the look-ups that it was shown, and
// what the cache itself missed of them; each stands for as many as the miniature
// says. And how much there was, in all, while that was counted.
type counted struct {
	own, real missed
	of        total
}

// count counts what was missing of a look-up, and what of it the cache lacked.
func (e *Estimator) count(p *event) {
	for i := range e.counted {
		if m := e.at(i); m.lacked != notShown && !e.windows[m.shift].filling {
			e.counted[i].own.add(m.lacked, p.standsFor*m.each(), p.larger)
			e.counted[i].real.add(p.lacked, p.standsFor*m.each(), p.larger)
		}
	}
}

// add counts so many look-ups that lacked some keys in the part that was shown, of which
// there was so many times as much.
func (m *missed) add(keys int, lookups, larger float64) {
	if keys > 0 {
		m.lookups += lookups
		m.keys += float64(keys) * lookups * larger
	}
}

// turn begins the turns that are due.
func (e *Estimator) turn() {
	for i, m := range e.minis {
		if i+1 < len(e.minis) && e.minis[i+1].shift == m.shift {
			continue // the largest speaks for all that share its window
		}
		if e.windows.turn(m.shift, float64(m.room)*m.each()) {
			for _, other := range e.minis[:i+1] {
				if other.shift == m.shift {
					other.empty()
				}
			}
		}
	}
}

// turnEvery is after how many shown look-ups.
const turnEvery = 256

func inSeconds(d time.Duration) uint32 { return uint32(d / time.Second) }

// outdate tells the miniatures that what some keys stand for has changed.
func (e *Estimator) outdate(changed *event) {
	for _, key := range changed.keys {
		for _, m := range e.minis {
			if h := m.find(key); h != nil {
				h.outdate(changed.now)
			}
		}
	}
}

// outdateAll tells them that all may have changed.
func (e *Estimator) outdateAll(now uint32) {
	for _, m := range e.minis {
		for i := range m.table {
			m.table[i].outdate(now)
		}
	}
}

// Resize makes the miniatures those of a cache of size bytes. Each takes over
// from the one that was nearest in size, as the cache itself keeps what fits, and
// counting begins anew.
func (e *Estimator) Resize(size int64, now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.minis
	e.size, e.minis, e.counted = size, nil, [len(sizes)]counted{}
	for i := range sizes {
		m := e.miniature(i, nearest(old, e.sizeAt(i)))
		if e.minis = append(e.minis, m); !m.full(1, 1) {
			break
		}
	}
	e.observed = observed{fadeAt: now + fadeEvery, counted: e.told.total()}
	e.publish()
}

func nearest(minis []*miniature, size int64) *miniature {
	best := minis[0]
	for _, m := range minis {
		if abs(m.size-size) < abs(best.size-size) {
			best = m
		}
	}
	return best
}

func abs(n int64) int64 { return max(n, -n) }

// fit follows what keys cost in the cache, where that is known: most captures cost the
// same, but some an app has named files of its own for.
func (e *Estimator) fit(cost float64) {
	if cost <= 0 || math.Abs(cost/e.cost-1) < 0.05 {
		return
	}
	e.cost = cost
	for _, m := range e.minis {
		m.rebuild(cost, m.table, m.costs)
	}
}
