package resolver

import (
	"sync"
	"time"
)

// breaker keeps a dead database from being asked for every page. It opens after
// a few failures in a row; from then on one query every probeEvery finds out
// whether the database is back.
//
// Failures in a row are of queries one after another: each began when the failure
// before it was known. Many that are slow at once (a database that has just started
// is, and so is a cold one that plans its first queries) are one failure.
type breaker struct {
	mu       sync.Mutex
	failures int           // in a row
	failedAt time.Duration // when the last of them was known
	probeAt  time.Duration // when open: the next probe, at the earliest
}

const (
	openAfter  = 3
	probeEvery = 500 * time.Millisecond
)

// ask says whether a query may begin. Where it may, the caller reports its outcome.
func (b *breaker) ask(now time.Duration) (allowed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failures < openAfter:
		return true
	case now < b.probeAt:
		return false
	}
	b.probeAt = now + probeEvery
	return true
}

// report tells what became of a query that began at begun, and whether that
// opened or closed the breaker.
func (b *breaker) report(ok bool, begun, now time.Duration) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		changed = b.failures >= openAfter
		b.failures = 0
		return changed
	}
	if begun < b.failedAt {
		return false
	}
	b.failures++
	b.failedAt = now
	if b.failures != openAfter {
		return false
	}
	b.probeAt = now + probeEvery
	return true
}

// open says whether the database counts as dead.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= openAfter
}
