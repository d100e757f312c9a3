package curve

import (
	"sync/atomic"
	"time"
)

// told counts every page that the warm set was asked for, shown or not.
type told struct{ pages, captures, pagesMissed, capturesMissed atomic.Uint64 }

func (t *told) add(captures, lacked int) {
	t.pages.Add(1)
	t.captures.Add(uint64(captures))
	if lacked > 0 {
		t.pagesMissed.Add(1)
		t.capturesMissed.Add(uint64(lacked))
	}
}

func (t *told) total() total {
	return total{
		pages: float64(t.pages.Load()), captures: float64(t.captures.Load()),
		missed: missed{float64(t.pagesMissed.Load()), float64(t.capturesMissed.Load())},
	}
}

// observed is what the warm set itself has done while the miniatures counted.
type observed struct {
	total         // up to the last fade
	counted total // what was told by then
	fadeAt  time.Duration
}

// total is how many pages there were and captures on them, and how many of each the
// warm set did not have.
type total struct {
	pages, captures float64
	missed          missed
}

// Every fadeEvery, what was counted so far comes to weigh less: half after 2 h 50.
const (
	fadeEvery = 10 * time.Minute
	fadeTo    = 0.96
)

// catchUp adds what the warm set has done since the last time. The caller holds mu.
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
		e.windows[i].queried += since.missed.captures
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
	t.pages += times * other.pages
	t.captures += times * other.captures
	t.missed.pages += times * other.missed.pages
	t.missed.captures += times * other.missed.captures
}

func (t *total) fade() {
	t.pages *= fadeTo
	t.captures *= fadeTo
	t.missed.fade()
}

func (m *missed) fade() {
	m.pages *= fadeTo
	m.captures *= fadeTo
}
