package reconcile

import (
	"context"
	"sync"
	"time"
)

// pace spreads requests evenly, at a rate. Safe for many goroutines.
type pace struct {
	gap  time.Duration
	mu   sync.Mutex
	next time.Time
}

func newPace(rate int) *pace { return &pace{gap: time.Second / time.Duration(rate)} }

// wait waits for the next request's turn, or the end of ctx.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now // what was not used is not saved up
	}
	turn := p.next.Sub(now)
	p.next = p.next.Add(p.gap)
	p.mu.Unlock()
	if turn <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(turn)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
