package imaging

import (
	"context"
	"sync"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// gate admits jobs while there is room, by number and by bytes. Of those that wait,
// browsers' jobs go before prefetches; then clients take turns, the one that holds the
// fewest places first, so that whoever asks for one thumbnail does not wait behind all
// that another asks for; then the hosts of originals likewise; then the oldest job goes.
// A job that does not fit yet is not overtaken by a smaller one, so a big job starves no
// more than a small one.
//
// A fair gate also keeps each host of originals from taking all of it: a host gets
// another place, or more bytes, only while as much stays free as it then holds. So one
// host takes half at most, two take a third each, and whatever their number, something
// is left for the next one. (Network switches share their buffers so: Choudhury and
// Hahne, "Dynamic queue length thresholds", 1998.) Who waits for the host's own share
// is overtaken by every other host's jobs.
//
// Three gates in a row bound the cold path: turns (captures being worked on),
// originals (their bytes), renders (cores and memory). A job enters them in that
// order and never waits for an earlier one while it holds a later one, so they
// cannot lock each other.
type gate struct {
	fair bool // no host of originals takes all of it

	mu     sync.Mutex
	places int         // at most this many at once
	bytes  int64       // at most this many bytes at once; 0: not bounded by bytes
	spared int         // places that prefetches leave to clients' jobs
	busy   func() bool // while it says so, one place is left free of several; nil: never

	taken    int
	held     int64
	byHost   map[string]share // of those that are in or wait
	byClient map[thumb.Client]share
	admits   uint64 // so many were let in so far
	waiting  map[*job]*place
	lines    *lines[*place] // of those
	watched  bool           // it is looked again soon whether busy is over
}

// share is what the jobs of one host or client hold, and the number of the last that
// was let in.
type share struct {
	places int
	bytes  int64
	last   uint64
}

// place is what a job holds of a gate, or waits for.
type place struct {
	gate     *gate
	job      *job
	host     string       // of the job's original; "": not known yet, or not of any host
	client   thumb.Client // the job's, until it is let in
	line     *line[*place]
	bytes    int64
	admitted chan struct{} // closed when let in
}

// enter waits until there is room for the job and so many bytes, or ctx ends. Bytes above
// the gate's own, which was larger when they were reckoned, get in where nobody else is. The
// place has to be left.
func (g *gate) enter(ctx context.Context, j *job, host string, bytes int64) (*place, error) {
	p := &place{gate: g, job: j, host: host, bytes: bytes, admitted: make(chan struct{})}
	g.mu.Lock()
	g.line(p)
	g.admit()
	g.mu.Unlock()
	select {
	case <-p.admitted:
		return p, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting[j] != p {
		return p, nil // let in at the same moment
	}
	g.unline(p)
	g.tidy(p)
	g.admit() // it may have been first in line, and the next one may fit
	return nil, ctx.Err()
}

// leave gives back the place and its bytes.
func (p *place) leave() {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(p, -1, -p.bytes)
	g.tidy(p)
	g.admit()
}

// shrink gives back bytes that turned out not to be needed.
func (p *place) shrink(bytes int64) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(p, 0, -bytes)
	p.bytes -= bytes
	g.admit()
}

// assign counts the place as the host's, which was not known before. It says false,
// and changes nothing, where the host has its share already.
func (p *place) assign(host string) bool {
	if host == p.host {
		return true
	}
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(p, -1, -p.bytes)
	old := p.host
	p.host = host
	within := g.within(p)
	if !within {
		p.host = old
	}
	g.count(p, 1, p.bytes)
	g.tidyHost(old)
	return within
}

// gateState is what a gate is like at a moment.
type gateState struct {
	taken, room, waiting int   // places: in use, there just now, waited for
	held, bytes          int64 // of bytes
}

func (g *gate) state() gateState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return gateState{g.taken, g.room(), len(g.waiting), g.held, g.bytes}
}

// bound sets what there is room for. Those that are in stay in.
func (g *gate) bound(places int, bytes int64, spared int, busy func() bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.places, g.bytes, g.spared, g.busy = places, bytes, spared, busy
	g.admit()
}
