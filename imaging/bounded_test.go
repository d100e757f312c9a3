package imaging

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/growth"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// crowds are who may fill a queue of maxQueue: the client and the host of the original of
// the nth that waits.
var crowds = map[string]func(n uint64) (thumb.Client, string){
	"one client":                    func(uint64) (thumb.Client, string) { return 1, "" },
	"each another client, of hosts": func(n uint64) (thumb.Client, string) { return thumb.Client(n), fmt.Sprint(n % manyHosts) },
	"many clients, of hosts":        func(n uint64) (thumb.Client, string) { return thumb.Client(1 + n%500), fmt.Sprint(n % manyHosts) },
}

// manyHosts are more hosts of originals than a site has buckets.
const manyHosts = 16

// mostCompared is how many comparisons one step takes at most, however many wait: each host's
// first with the others', and one way down a heap for each of the lines of two clients, that
// has to do with it.
var mostCompared = 2 * (manyHosts + 1) * 2 * bits.Len(maxQueue)

// queued is a gate for whose only place maxQueue jobs wait.
type queued struct {
	*gate
	crowd func(uint64) (thumb.Client, string)
	last  uint64
	in    *place
}

func newQueued(crowd func(uint64) (thumb.Client, string)) *queued {
	q := &queued{gate: &gate{places: 1}, crowd: crowd}
	q.in = q.come()
	for range maxQueue {
		q.come()
	}
	return q
}

// come has one more wait.
func (q *queued) come() *place {
	q.last++
	client, host := q.crowd(q.last)
	j := &job{number: q.last}
	j.client.Store(uint64(client))
	p := &place{gate: q.gate, job: j, host: host, admitted: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line(p)
	q.admit()
	return p
}

// one returns one of those that wait.
func (q *queued) one() *place {
	for _, p := range q.waiting {
		return p
	}
	return nil
}

// However many wait, and whose ever they are, no step looks at more than the first of each
// host: nothing that is done under the gate's lock grows with the queue.
func TestGateIsBoundedWork(t *testing.T) {
	t.Parallel()
	for name, crowd := range crowds {
		q := newQueued(crowd)
		ended, end := context.WithCancel(t.Context())
		end()
		for what, step := range map[string]func(){
			"one more comes": func() { q.come() },
			"one leaves, and the next is let in": func() {
				next := q.first()
				q.in.leave()
				<-next.admitted
				q.in = next
			},
			"one comes and gives up": func() {
				q.last++
				j := &job{number: q.last}
				j.client.Store(q.last)
				if _, err := q.enter(ended, j, "0", 0); err == nil {
					t.Error("it is let in beside the one that has the place")
				}
			},
			"one becomes another client's": func() {
				p := q.one()
				p.job.client.Store(1 << 40)
				q.reorder(p.job)
			},
			"the bounds change":         func() { q.bound(1, 0, 0, nil) },
			"somebody looks at the sum": func() { q.state() },
		} {
			for range 20 {
				before := q.lines.compared
				if step(); q.lines.compared-before > mostCompared {
					t.Errorf("%s: when %s, %d lines are compared, want %d at most", name, what, q.lines.compared-before, mostCompared)
					break
				}
			}
		}
		if n := len(q.waiting); n < maxQueue {
			t.Errorf("%s: %d wait, want more than render.queue may be", name, n)
		}
	}
}

// Who comes first of a host's lines is who would be found by looking at all that wait,
// whatever came, left, gave up and changed hands before.
func TestFirstInLineIsFirstOfAll(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	q := &queued{gate: &gate{places: 6, fair: true}, crowd: func(uint64) (thumb.Client, string) {
		return thumb.Client(random.IntN(6)), [...]string{"", "a", "b", "c"}[random.IntN(4)] // thumb.Nobody, too
	}}
	var all []*place
	for step := range 3000 {
		if len(q.waiting) < 60 {
			all = append(all, q.come())
		}
		i := random.IntN(len(all))
		switch p := all[i]; random.IntN(4) {
		case 0:
			p.job.client.Store(uint64(1 + random.IntN(5)))
			q.reorder(p.job)
		case 1:
			all = append(all[:i], all[i+1:]...)
			if q.waiting[p.job] == nil {
				p.leave()
				break
			}
			q.mu.Lock()
			q.unline(p)
			q.tidy(p)
			q.mu.Unlock()
		}
		var first *place
		for _, p := range q.waiting {
			if q.within(p) && (first == nil || q.before(alone(p), alone(first))) {
				first = p
			}
		}
		if got := q.first(); got != first {
			t.Fatalf("step %d: of %d that wait %+v is first, and %+v is let in", step, len(q.waiting), first, got)
		}
	}
	for len(all) > 0 {
		var left []*place
		for _, p := range all {
			if q.waiting[p.job] == nil {
				p.leave()
			} else {
				left = append(left, p)
			}
		}
		if len(left) == len(all) {
			t.Fatalf("%d wait for ever", len(left))
		}
		all = left
	}
	if n := len(q.byHost) + len(q.byClient) + len(q.lines.byHost) + len(q.lines.byClient); n != 0 {
		t.Errorf("%d hosts and clients are remembered when nobody is there", n)
	}
}

// alone is a line of one place.
func alone(p *place) *line[*place] {
	return &line[*place]{client: p.client, host: p.host, waiting: []aged[*place]{{p.job.number, p}}}
}

// A full queue finds who gives way without looking at all that wait.
func TestMakingRoomIsBoundedWork(t *testing.T) {
	t.Parallel()
	for name, crowd := range crowds {
		s := idleJobs(t, maxQueue)
		come := func(id thumb.ID, client thumb.Client) (*job, error) {
			_, err := s.join(t.Context(), target{id: id}, nil, small, client)
			return s.byTarget[target{id: id}], err
		}
		for id := uint64(1); id <= maxQueue; id++ {
			client, host := crowd(id)
			j, err := come(thumb.ID(id), client)
			if err != nil {
				t.Fatal(err)
			}
			if host != "" {
				s.start(j)
				s.queue(j, host)
			}
		}
		for id := thumb.ID(maxQueue + 1); id < maxQueue+40; id++ {
			before := s.waiting.compared
			j, _ := come(id, 1<<40)
			if s.waiting.compared-before > mostCompared || len(s.byTarget) != maxQueue {
				t.Fatalf("%s: for one more %d lines are compared, want %d at most; %d are in hand", name, s.waiting.compared-before, mostCompared, len(s.byTarget))
			}
			if j != nil {
				before = s.waiting.compared
				s.start(j)
				s.end(j, errClosed)
				if j, _ := come(id, 1<<40); s.waiting.compared-before > mostCompared || j == nil {
					t.Fatalf("%s: one ends, and for the next %d lines are compared, want %d at most", name, s.waiting.compared-before, mostCompared)
				}
			}
		}
	}
}

// However many captures have failed, and however many are in hand, nobody waits while one
// of them, or all, are said to have changed.
func TestChangesAreBoundedWork(t *testing.T) {
	t.Parallel()
	work := func(id thumb.ID) *thumb.Work { return &thumb.Work{Capture: thumb.Capture{ID: id}} }
	failed := func(n int) func() {
		f := newFailures(time.Hour, maxKept)
		for id := range n {
			f.rememberVersion(work(thumb.ID(id+1)), labelAt(0), thumb.ErrOriginalUnusable)
		}
		return func() {
			f.rememberVersion(work(1), labelAt(0), thumb.ErrOriginalUnusable)
			if _, _, found := f.recall(1, 0); !found || !f.lasts(1, 0) {
				t.Fatal("a failure is not remembered")
			}
			f.changedAll()
			if _, _, found := f.recall(1, 0); found || f.lasts(1, 0) {
				t.Fatal("it is believed although everything may have changed")
			}
			f.changed(1)
		}
	}
	inHand := func(n int) func() {
		s := idleJobs(t, maxQueue)
		for id := range n {
			if _, err := s.join(t.Context(), target{id: thumb.ID(id + 1)}, nil, small, 1); err != nil {
				t.Fatal(err)
			}
		}
		one, ids := s.byTarget[target{id: 1}], []thumb.ID{1, maxQueue + 7}
		return func() {
			s.wake(ids)
			<-one.changed
		}
	}
	for what, of := range map[string]struct {
		step func(n int) func()
		most int
	}{
		"failures": {failed, maxRemembered}, "captures in hand": {inHand, maxQueue},
	} {
		if times := growth.Times(of.step(4), of.step(of.most)); times > 50 {
			t.Errorf("a change takes %.0f times as long with %d %s as with 4", times, of.most, what)
		}
	}
}
