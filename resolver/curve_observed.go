package resolver

import "time"

// observed is what the warm set itself has done while the miniatures counted.
type observed struct {
	total         // up to the last fade
	counted total // what the metrics said by then
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
func (c *curve) catchUp(w *WarmSet) {
	now := w.metrics.total()
	since := now
	since.add(c.observed.counted, -1)
	c.observed.counted = now
	c.observed.add(since, 1)
	for i := range c.counted {
		if !c.windows[c.at(i).shift].filling {
			c.counted[i].of.add(since, 1)
		}
	}
	for i := range c.windows {
		c.windows[i].queried += since.missed.captures
	}
}

func (c *curve) fade(w *WarmSet, now time.Duration) {
	c.catchUp(w)
	c.observed.fadeAt = now + fadeEvery
	c.observed.fade()
	for i := range c.counted {
		c.counted[i].own.fade()
		c.counted[i].real.fade()
		c.counted[i].of.fade()
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
