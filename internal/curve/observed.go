package curve

import (
	"sync/atomic"
	"time"
)

// told counts every look-up of the cache, shown or not.
type told struct{ lookups, keys, lookupsMissed, keysMissed atomic.Uint64 }

func (t *told) add(keys, lacked int) {
	t.lookups.Add(1)
	t.keys.Add(uint64(keys))
	if lacked > 0 {
		t.lookupsMissed.Add(1)
		t.keysMissed.Add(uint64(lacked))
	}
}

func (t *told) total() total {
	return total{
		lookups: float64(t.lookups.Load()), keys: float64(t.keys.Load()),
		missed: missed{float64(t.lookupsMissed.Load()), float64(t.keysMissed.Load())},
	}
}

// observed is what the cache itself has done while the miniatures counted.
type observed struct {
	total         // up to the last fade
	counted total // what was told by then
	fadeAt  time.Duration
}

// total is how many look-ups there were and keys in them, and how many of each the cache
// did not have.
type total struct {
	lookups, keys float64
	missed        missed
}

// Every fadeEvery, what was counted so far comes to weigh less: half after 2 h 50.
const (
	fadeEvery = 10 * time.Minute
	fadeTo    = 0.96
)

// catchUp adds what the cache has done since the last time. The caller holds mu.
func (e *Estimator) catchUp() {
	now := e.told.total()
	since := now
	since.add(e.observed.counted, -1)
	e.observed.counted = now
	e.observed.add(since, 1)
	for i := range e.counted {
		if !e.windows[e.at(i).shift].filling {
			e.counted[i].of.add(since, 1)
		}
	}
	for i := range e.windows {
		e.windows[i].queried += since.missed.keys
	}
}

func (e *Estimator) fade(now uint32) {
	e.catchUp()
	e.observed.fadeAt = time.Duration(now)*time.Second + fadeEvery
	e.observed.fade()
	for i := range e.counted {
		e.counted[i].own.fade()
		e.counted[i].real.fade()
		e.counted[i].of.fade()
	}
}

// add adds another total so many times.
func (t *total) add(other total, times float64) {
	t.lookups += times * other.lookups
	t.keys += times * other.keys
	t.missed.lookups += times * other.missed.lookups
	t.missed.keys += times * other.missed.keys
}

func (t *total) fade() {
	t.lookups *= fadeTo
	t.keys *= fadeTo
	t.missed.fade()
}

func (m *missed) fade() {
	m.lookups *= fadeTo
	m.keys *= fadeTo
}
