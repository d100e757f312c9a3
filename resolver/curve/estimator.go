package curve

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Imitated is how the warm set goes about its memory: what miniatures need to know to
// do as it does.
type Imitated struct {
	// MinSize is the smallest size that a warm set may have, in bytes.
	MinSize int64
	// Room is what a warm set of size bytes has for its captures, Counters how many
	// counters of reads it has.
	Room, Counters func(size int64) int64
	// Batch is how many reads are gathered before they are counted.
	Batch int
	// OfferAgain says whether a capture that was refused is offered once more.
	OfferAgain func() bool
	// Cost is what a capture takes, in bytes, until Page.Cost tells.
	Cost float64
}

// Estimator draws the size curve. Every method may be called from many goroutines.
// Count, Show, Changed and ChangedAll, which belong on the path of a request, never
// wait for anything.
type Estimator struct {
	warm Imitated
	feed feed
	told told

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
	limit    int                                 // of captures that a miniature holds
	cost     float64                             // of a capture, on average
	pages    int                                 // shown
	scratch  [mostShown]bool
	observed observed
}

// sizes are the sizes of a curve, in 48ths of the present one.
var sizes = [...]int64{3, 6, 12, 18, 24, 36, 48, 72, 96, 144, 192, 384}

const (
	present   = 6 // of sizes
	hoodWidth = 5 // bits of a capture's id
)

// New makes the estimator of a warm set of size bytes. The caller closes it.
func New(size int64, warm Imitated) *Estimator {
	e := &Estimator{warm: warm, size: size, limit: maxHeld, cost: warm.Cost, observed: observed{fadeAt: fadeEvery}}
	e.scale = e.usualScale
	e.start()
	return e
}

// NewExhaustive makes one whose miniatures are shown every page, whatever memory and
// processor time that takes: tests hold the others against it.
func NewExhaustive(size int64, warm Imitated) *Estimator {
	e := &Estimator{warm: warm, size: size, limit: 1 << 20, cost: warm.Cost, observed: observed{fadeAt: fadeEvery}}
	e.scale = func(int64, float64) uint { return 0 }
	e.start()
	return e
}

func (e *Estimator) start() {
	e.minis = []*miniature{e.miniature(0, nil)}
	e.publish()
	e.feed.start(e.take)
}

// Close ends the estimator's goroutine. The curve stays as it is.
func (e *Estimator) Close() { e.feed.close() }

func (e *Estimator) sizeAt(i int) int64 { return e.size * sizes[i] / sizes[present] }

// miniature makes the one of a size, which takes over from another.
func (e *Estimator) miniature(i int, from *miniature) *miniature {
	size := e.sizeAt(i)
	return newMiniature(&e.warm, size, e.scale(size, e.cost), e.limit, e.cost, &e.windows, from)
}

// at returns the miniature that stands for a size.
func (e *Estimator) at(i int) *miniature { return e.minis[min(i, len(e.minis)-1)] }

// grow adds the miniature of the next size once the last one is full.
func (e *Estimator) grow(page int) {
	last := e.minis[len(e.minis)-1]
	if n := len(e.minis); n < len(sizes) && last.full(page) {
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

// Count counts a page that begins with a capture, and how many captures the warm set
// lacked of it. It says whether the page is one of those to Show.
func (e *Estimator) Count(first thumb.ID, captures, lacked int) (show bool) {
	e.told.add(captures, lacked)
	hood := hoodOf(first)
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
	case pageShown:
		e.page(ev)
	case capturesChanged:
		e.outdate(ev)
	}
}

// page shows a page to the miniatures.
func (e *Estimator) page(p *event) {
	p.costOf, p.absent = e.cost, e.scratch[:len(p.keys)]
	e.grow(len(p.keys))
	for _, m := range e.minis {
		if m.lacked = notShown; m.shows(p.hood) {
			m.lacked = m.page(p)
		}
	}
	e.count(p)
	if e.pages++; e.pages%turnEvery == 0 {
		e.catchUp()
		e.turn()
		e.fit(p.cost)
		e.publish()
	}
	if p.now >= inSeconds(e.observed.fadeAt) {
		e.fade(p.now)
	}
}

// missed is how many pages needed a query, and how many captures were not found.
type missed struct{ pages, captures float64 }

// counted is what the miniature of a size missed of the pages that it was shown, and
// what the warm set itself missed of them; each stands for as many as the miniature
// says. And how much there was, in all, while that was counted.
type counted struct {
	own, real missed
	of        total
}

// count counts what was missing of a page, and what of it the warm set lacked.
func (e *Estimator) count(p *event) {
	for i := range e.counted {
		if m := e.at(i); m.lacked != notShown && !e.windows[m.shift].filling {
			e.counted[i].own.add(m.lacked, p.standsFor*m.each(), p.larger)
			e.counted[i].real.add(p.lacked, p.standsFor*m.each(), p.larger)
		}
	}
}

// add counts so many pages that lacked some captures in the part that was shown, of
// which there was so many times as much.
func (m *missed) add(captures int, pages, larger float64) {
	if captures > 0 {
		m.pages += pages
		m.captures += float64(captures) * pages * larger
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

// turnEvery is after how many shown pages.
const turnEvery = 256

func inSeconds(d time.Duration) uint32 { return uint32(d / time.Second) }

// outdate tells the miniatures that captures have changed.
func (e *Estimator) outdate(changed *event) {
	for _, key := range changed.keys {
		for _, m := range e.minis {
			if h := m.find(key); h != nil {
				h.outdate(changed.now)
			}
		}
	}
}

// outdateAll tells them that every capture may have changed.
func (e *Estimator) outdateAll(now uint32) {
	for _, m := range e.minis {
		for i := range m.table {
			m.table[i].outdate(now)
		}
	}
}

// Resize makes the miniatures those of a warm set of size bytes. Each takes over
// from the one that was nearest in size, as the warm set itself keeps what fits, and
// counting begins anew.
func (e *Estimator) Resize(size int64, now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.minis
	e.size, e.minis, e.counted = size, nil, [len(sizes)]counted{}
	for i := range sizes {
		m := e.miniature(i, nearest(old, e.sizeAt(i)))
		if e.minis = append(e.minis, m); !m.full(1) {
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

// fit follows what captures cost in the warm set, where that is known: most cost the
// same, but some an app has named files of its own for.
func (e *Estimator) fit(cost float64) {
	if cost <= 0 || math.Abs(cost/e.cost-1) < 0.05 {
		return
	}
	e.cost = cost
	for _, m := range e.minis {
		m.rebuild(cost, m.table)
	}
}
