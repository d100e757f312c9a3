package resolver

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// curve is what the size curve is drawn from: miniatures of the warm set at other
// sizes (miniature.go), which are shown some of the pages. The method is SHARDS
// (Waldspurger et al., FAST '15) with miniature simulations (Waldspurger et al.,
// ATC '17), but for what is sampled: a page needs no query only where all of its
// captures are held, so whole pages are, by the neighbourhood of ids in which they
// begin. A page is always shown or never; nearly always the same goes for a list
// that new captures have moved on, and for the pages of its single captures.
//
// A page that is not shown costs one hash.
type curve struct {
	// shown has a bit for each neighbourhood that any miniature is shown.
	shown [1 << hoodBits / 64]atomic.Uint64

	mu sync.Mutex
	// minis are of the smallest sizes: all those that are full, and one that is not,
	// which stands for the larger ones, too: they would hold the same.
	minis    []*miniature
	size     int64 // the present one
	counted  [len(curveSizes)]counted
	windows  windows
	scale    func(size int64, cost float64) uint // of miniatures, to begin with
	limit    int                                 // of captures that a miniature holds
	cost     float64                             // of a capture, on average
	pages    int                                 // shown
	scratch  shownPage
	observed observed
}

// curveSizes are the sizes of a curve, in 48ths of the present one.
var curveSizes = [...]int64{3, 6, 12, 18, 24, 36, 48, 72, 96, 144, 192, 384}

const (
	curvePresent = 6 // of curveSizes
	hoodWidth    = 5 // bits of a capture's id
)

func newCurve(size int64) *curve {
	c := &curve{size: size, scale: scale, limit: maxHeld, cost: ristrettoSize + entrySize, observed: observed{fadeAt: fadeEvery}}
	c.minis = []*miniature{c.miniature(0, nil)}
	c.settle()
	return c
}

func (c *curve) sizeAt(i int) int64 { return c.size * curveSizes[i] / curveSizes[curvePresent] }

// miniature makes the one of a size, which takes over from another.
func (c *curve) miniature(i int, from *miniature) *miniature {
	size := c.sizeAt(i)
	return newMiniature(size, c.scale(size, c.cost), c.limit, c.cost, &c.windows, from)
}

// at returns the miniature that stands for a size.
func (c *curve) at(i int) *miniature { return c.minis[min(i, len(c.minis)-1)] }

// grow adds the miniature of the next size once the last one is full.
func (c *curve) grow(page int) {
	last := c.minis[len(c.minis)-1]
	if n := len(c.minis); n < len(curveSizes) && last.full(page) {
		c.minis = append(c.minis, c.miniature(n, last))
	}
}

// settle follows the miniatures' shifts and windows. The caller holds mu.
func (c *curve) settle() {
	var shown [len(c.shown)]uint64
	for _, m := range c.minis {
		first := c.windows[m.shift].first
		for hood := first; hood != first+1<<(hoodBits-m.shift); hood++ {
			shown[hood&hoodMask/64] |= 1 << (hood % 64)
		}
	}
	for i := range shown {
		c.shown[i].Store(shown[i])
	}
}

// page shows a page to the miniatures, with what became of it, and how many of its
// captures the warm set lacked.
func (c *curve) page(w *WarmSet, ids []thumb.ID, answers []thumb.Answer, lacked int) {
	if len(ids) == 0 {
		return
	}
	if hood := hoodOf(ids[0]); c.shown[hood/64].Load()>>(hood%64)&1 != 0 {
		c.show(w, hood, ids, answers, lacked)
	}
}

func (c *curve) show(w *WarmSet, hood uint32, ids []thumb.ID, answers []thumb.Answer, lacked int) {
	now := w.now()
	trust := w.cfg.TTLUnlistened
	if w.connected(now) {
		trust = w.cfg.TTL
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.scratch
	p.keys, p.absent = p.keys[:0], append(p.absent[:0], make([]bool, len(ids))...)
	for _, id := range ids {
		p.keys = append(p.keys, curveKey(id))
	}
	p.hood, p.answers, p.cost = hood, answers, c.cost
	p.now, p.trust, p.trustLacked = inSeconds(now), inSeconds(trust), inSeconds(w.cfg.TTLUnlistened)
	c.grow(len(ids))
	for _, m := range c.minis {
		if m.lacked = notShown; m.shows(hood) {
			m.lacked = m.page(p)
		}
	}
	p.answers = nil
	c.count(lacked)
	if c.pages++; c.pages%turnEvery == 0 {
		c.catchUp(w)
		c.turn()
		c.fit(w)
		c.settle()
	}
	if now >= c.observed.fadeAt {
		c.fade(w, now)
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
func (c *curve) count(lacked int) {
	for i := range c.counted {
		if m := c.at(i); m.lacked != notShown && !c.windows[m.shift].filling {
			c.counted[i].own.add(m.lacked, m.each())
			c.counted[i].real.add(lacked, m.each())
		}
	}
}

// add counts a page that lacked some captures.
func (m *missed) add(captures int, each float64) {
	if captures > 0 {
		m.pages += each
		m.captures += float64(captures) * each
	}
}

// turn begins the turns that are due.
func (c *curve) turn() {
	for i, m := range c.minis {
		if i+1 < len(c.minis) && c.minis[i+1].shift == m.shift {
			continue // the largest speaks for all that share its window
		}
		if c.windows.turn(m.shift, float64(m.room)*m.each()) {
			for _, other := range c.minis[:i+1] {
				if other.shift == m.shift {
					other.empty()
				}
			}
		}
	}
}

// turnEvery is after how many shown pages.
const turnEvery = 256

// curveKey is the part of a capture's hash by which miniatures know it.
func curveKey(id thumb.ID) uint32 {
	hash, _ := keyToHash(uint64(id))
	return max(1, uint32(hash))
}

func inSeconds(d time.Duration) uint32 { return uint32(d / time.Second) }

// forget tells the miniatures that captures have changed.
func (c *curve) forget(ids []thumb.ID, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		for _, m := range c.minis {
			if h := m.find(curveKey(id)); h != nil {
				h.outdate(inSeconds(now))
			}
		}
	}
}

// forgetAll tells them that every capture may have changed.
func (c *curve) forgetAll(now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.minis {
		for i := range m.table {
			m.table[i].outdate(inSeconds(now))
		}
	}
}

// resize makes the miniatures those of a warm set of size bytes. Each takes over
// from the one that was nearest in size, as the warm set itself keeps what fits, and
// counting begins anew.
func (c *curve) resize(w *WarmSet, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.minis
	c.size, c.minis, c.counted = size, nil, [len(curveSizes)]counted{}
	for i := range curveSizes {
		m := c.miniature(i, nearest(old, c.sizeAt(i)))
		if c.minis = append(c.minis, m); !m.full(1) {
			break
		}
	}
	c.observed = observed{fadeAt: w.now() + fadeEvery, counted: w.metrics.total()}
	c.settle()
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

// fit follows what captures cost in the warm set: most cost the same, but some an
// app has named files of its own for.
func (c *curve) fit(w *WarmSet) {
	cost, ok := w.meanCost()
	if !ok || math.Abs(cost/c.cost-1) < 0.05 {
		return
	}
	c.cost = cost
	for _, m := range c.minis {
		m.rebuild(cost, m.table)
	}
}
