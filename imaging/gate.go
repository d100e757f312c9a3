package imaging

import (
	"context"
	"slices"
	"sync"
)

// gate admits jobs while there is room, by number and by bytes. Those that wait
// are let in by priority, browsers' jobs before prefetches, then by age; the first
// in line is never overtaken by one that happens to fit, so a big job starves no
// more than a small one.
//
// Three gates in a row bound the cold path: turns (captures being worked on),
// originals (their bytes), renders (cores and memory). A job takes them in that
// order and never waits for an earlier one while it holds a later one, so they
// cannot lock each other.
type gate struct {
	places int   // at most this many at once
	bytes  int64 // at most this many bytes at once; 0: not bounded by bytes
	spared int   // places that prefetches leave to clients' jobs

	mu      sync.Mutex
	taken   int
	held    int64
	waiting []*ticket
}

// ticket is one job's place in a gate's line.
type ticket struct {
	job      *job
	bytes    int64
	admitted chan struct{} // closed when let in
}

// enter waits until there is room for the job and so many bytes, or ctx ends.
// Bytes must not be above the gate's own. What was entered must be left.
func (g *gate) enter(ctx context.Context, j *job, bytes int64) error {
	t := &ticket{job: j, bytes: bytes, admitted: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, t)
	g.admit()
	g.mu.Unlock()
	select {
	case <-t.admitted:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, t); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		g.admit() // it may have been first in line, and the next one may fit
		return ctx.Err()
	}
	return nil // let in at the same moment
}

// leave gives back a place and its bytes.
func (g *gate) leave(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	g.held -= bytes
	g.admit()
}

// shrink gives back bytes that turned out not to be needed.
func (g *gate) shrink(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held -= bytes
	g.admit()
}

// reorder looks at the line again after a job's priority has changed.
func (g *gate) reorder() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admit()
}

// admit lets in whoever is first while there is room. The caller holds mu.
func (g *gate) admit() {
	for len(g.waiting) > 0 {
		first := 0
		for i, t := range g.waiting {
			if t.job.before(g.waiting[first].job) {
				first = i
			}
		}
		t := g.waiting[first]
		places := g.places
		if t.job.prefetch.Load() {
			places -= g.spared
		}
		if g.taken >= places || g.bytes > 0 && g.held+t.bytes > g.bytes {
			return
		}
		g.taken++
		g.held += t.bytes
		g.waiting = slices.Delete(g.waiting, first, first+1)
		close(t.admitted)
	}
}

// state returns how many are in, what they hold, and how many wait.
func (g *gate) state() (taken int, held int64, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken, g.held, len(g.waiting)
}
