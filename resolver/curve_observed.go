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

// catchUp adds what was counted since the last time. The caller holds mu.
func (c *curve) catchUp(w *WarmSet) {
	o, now := &c.observed, w.metrics.total()
	o.pages += now.pages - o.counted.pages
	o.captures += now.captures - o.counted.captures
	o.missed.pages += now.missed.pages - o.counted.missed.pages
	o.missed.captures += now.missed.captures - o.counted.missed.captures
	o.counted = now
}

func (c *curve) fade(w *WarmSet, now time.Duration) {
	c.catchUp(w)
	c.observed.fadeAt = now + fadeEvery
	c.observed.pages *= fadeTo
	c.observed.captures *= fadeTo
	c.observed.missed.fade()
	for i := range c.counted {
		c.counted[i].alone.fade()
		c.counted[i].together.fade()
		c.counted[i].present.fade()
	}
}

func (m *missed) fade() {
	m.pages *= fadeTo
	m.captures *= fadeTo
}
