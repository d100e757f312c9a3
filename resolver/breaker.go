package resolver

import (
	"sync"
	"time"
)

// breaker keeps a dead database from being asked for every page. It opens after
// a few failures in a row; from then on one query at a time, every probeEvery,
// finds out whether the database is back.
type breaker struct {
	mu       sync.Mutex
	failures int // in a row
	probing  bool
	probeAt  time.Duration // when open: the next probe, at the earliest
}

const (
	openAfter  = 3
	probeEvery = 500 * time.Millisecond
)

// ask says whether a query may begin. Where it may, the caller reports its
// outcome, and hands probe back with it.
func (b *breaker) ask(now time.Duration) (probe, allowed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < openAfter {
		return false, true
	}
	if b.probing || now < b.probeAt {
		return false, false
	}
	b.probing = true
	b.probeAt = now + probeEvery
	return true, true
}

// report tells what became of a query, and whether that opened or closed the
// breaker.
func (b *breaker) report(probe, ok bool, now time.Duration) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	if ok {
		changed = b.failures >= openAfter
		b.failures = 0
		return changed
	}
	b.failures++
	if b.failures == openAfter {
		b.probeAt = now + probeEvery
		return true
	}
	return false
}

// open says whether the database counts as dead.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= openAfter
}
