package proxy

import (
	"container/list"
	"context"
	"runtime"
	"sync"
	"time"
)

// turns lets few large pages be worked on at once, so that a core is left for all others.
// Those that wait are let in client by client, each client's own in the order in which they
// came: one that asks for many waits for itself. What waits holds its body, so that
// rewrite.memory bounds how many there are; no step looks at all of them.
type turns struct {
	mu       sync.Mutex
	free     int
	waiting  int
	patience time.Duration            // that a page waits before it streams through
	clients  list.List                // of *turnLine: that have something waiting, the next first
	lines    map[uint64]*list.Element // the same, by client
}

// turnLine are one client's pages that wait.
type turnLine struct {
	client  uint64
	waiting list.List // of chan struct{}, closed when it is its turn
}

func newTurns(free int) *turns {
	return &turns{free: free, patience: turnWait, lines: map[uint64]*list.Element{}}
}

// mostTurns is how many large pages are worked on at once.
func mostTurns() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// enter waits for a turn, by a function that returns false where the wait is over before
// the channel is closed. The caller of an enter that returned true calls leave.
func (t *turns) enter(client uint64, wait func(<-chan struct{}) bool) bool {
	place := t.take(client)
	return place == nil || wait(place.Value.(chan struct{})) || !t.giveUp(client, place)
}

// take takes a turn that is free, or else a place in the client's line, which it returns.
func (t *turns) take(client uint64) (place *list.Element) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 { // then nobody waits
		t.free--
		return nil
	}
	t.waiting++
	line := t.lines[client]
	if line == nil {
		line = t.clients.PushBack(&turnLine{client: client})
		t.lines[client] = line
	}
	return line.Value.(*turnLine).waiting.PushBack(make(chan struct{}))
}

// giveUp takes a page out of its line. It returns false where its turn has come meanwhile.
func (t *turns) giveUp(client uint64, place *list.Element) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-place.Value.(chan struct{}):
		return false
	default:
	}
	t.remove(t.lines[client], place)
	return true
}

// remove takes a page out of its line, and a line in which nothing waits away. The caller
// holds mu.
func (t *turns) remove(of, place *list.Element) {
	t.waiting--
	line := of.Value.(*turnLine)
	if line.waiting.Remove(place); line.waiting.Len() == 0 {
		t.clients.Remove(of)
		delete(t.lines, line.client)
	}
}

// leave ends a turn. The next one is that of the client whose last turn is longest ago
// among those that wait.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.clients.Front()
	if of == nil {
		t.free++
		return
	}
	next := of.Value.(*turnLine).waiting.Front()
	t.clients.MoveToBack(of)
	t.remove(of, next)
	close(next.Value.(chan struct{}))
}

const (
	// largePage is the size, in bytes, from which a page waits for its turn, and
	// largeEncoded the same where it came encoded.
	largePage    = 1 << 20
	largeEncoded = largePage / 16
)

// isLarge says whether a body of a length is that of a large page. A length below zero is
// not known.
func isLarge(length int, encoded bool) bool {
	return length > largePage || encoded && length > largeEncoded
}

// takeTurn waits until a page may be worked on, at once where it is not large. It returns
// false where the page is to go as it is.
func (p *pages) takeTurn(j *job, client uint64, wait func(context.Context, <-chan struct{}) bool) bool {
	waited := func(turn <-chan struct{}) bool {
		p.metrics.waiting.Inc()
		defer p.metrics.waiting.Dec()
		ctx, cancel := context.WithTimeout(context.Background(), p.turns.patience)
		defer cancel()
		return wait(ctx, turn)
	}
	if !p.turns.enter(client, waited) {
		return false
	}
	j.turn = p.turns
	return true
}

// turnWait is how long a large page waits for its turn before it streams through.
const turnWait = 10 * time.Second
