package proxy

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// turns lets few large pages be worked on at once, so that a core is left for all others.
// Those that wait are let in client by client, each client's own in the order in which they
// came: one that asks for many waits for itself. What waits holds its body, so that
// rewrite.memory bounds how many there are.
type turns struct {
	mu      sync.Mutex
	free    int
	clients []*turnLine // that have something waiting, the next first
}

// turnLine are one client's pages that wait.
type turnLine struct {
	client  uint64
	waiting []chan struct{} // closed when it is its turn
}

func newTurns() *turns { return &turns{free: max(1, runtime.GOMAXPROCS(0)/2)} }

// enter waits for a turn, by a function that returns false where the wait is over before
// the channel is closed. The caller of an enter that returned true calls leave.
func (t *turns) enter(client uint64, wait func(<-chan struct{}) bool) bool {
	t.mu.Lock()
	if t.free > 0 { // then nobody waits
		t.free--
		t.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	line := t.line(client)
	line.waiting = append(line.waiting, turn)
	t.mu.Unlock()
	return wait(turn) || !t.giveUp(client, turn)
}

// line returns a client's line, which may be a new one. The caller holds mu.
func (t *turns) line(client uint64) *turnLine {
	for _, line := range t.clients {
		if line.client == client {
			return line
		}
	}
	line := &turnLine{client: client}
	t.clients = append(t.clients, line)
	return line
}

// giveUp takes a page out of its line. It returns false where its turn has come meanwhile.
func (t *turns) giveUp(client uint64, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, line := range t.clients {
		if line.client != client {
			continue
		}
		for at, other := range line.waiting {
			if other != turn {
				continue
			}
			line.waiting = append(line.waiting[:at], line.waiting[at+1:]...)
			if len(line.waiting) == 0 {
				t.clients = append(t.clients[:i], t.clients[i+1:]...)
			}
			return true
		}
	}
	return false
}

// leave ends a turn. The next one is that of the client whose last turn is longest ago
// among those that wait.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.clients) == 0 {
		t.free++
		return
	}
	line := t.clients[0]
	t.clients = append(t.clients[:0], t.clients[1:]...)
	next := line.waiting[0]
	if line.waiting = line.waiting[1:]; len(line.waiting) > 0 {
		t.clients = append(t.clients, line)
	}
	close(next)
}

// waiting returns how many pages wait.
func (t *turns) waiting() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range t.clients {
		n += len(line.waiting)
	}
	return n
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
		ctx, cancel := context.WithTimeout(context.Background(), turnWait)
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
