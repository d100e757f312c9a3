package imaging

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// labels is a set of labels, by position in Specs.
type labels uint8

func labelAt(position int) labels { return 1 << position }

// each calls do for every position in the set, in order.
func (l labels) each(do func(position int)) {
	for rest := l; rest != 0; rest &= rest - 1 {
		do(bits.TrailingZeros8(uint8(rest)))
	}
}

// outcome is what one label of a job comes to. Everybody who asked for that label
// while the job was in hand waits for the same one. The fields below done are
// written once, before done is closed.
type outcome struct {
	done      chan struct{}
	thumbnail Thumbnail
	err       error
}

// job is the work on one capture: however many clients ask for however many of its
// labels meanwhile, its original is fetched once. It runs on a goroutine and a
// context of its own, so a client that leaves takes nothing from the others.
type job struct {
	id     thumb.ID
	number uint64 // by age
	holder string // of the lease: nobody else's, in any process
	ctx    context.Context
	cancel context.CancelCauseFunc
	// prefetch says that no client waits for it; one that joins clears it.
	prefetch atomic.Bool
	// changed has a value when a notification named the capture.
	changed chan struct{}
	// patience is what is left of render.max_wait; only the job's goroutine has it.
	patience time.Duration

	// These belong to jobs.mu.
	outcomes [thumb.MaxSpecs]*outcome // of the labels asked for; nil: not asked for
	wanted   labels                   // asked for, and rendering has not begun
	begun    bool                     // it got its first turn: no longer droppable
	left     bool                     // no longer among the jobs, and counted out
}

// before says whether j goes before other wherever both wait.
func (j *job) before(other *job) bool {
	mine, others := j.prefetch.Load(), other.prefetch.Load()
	return mine == others && j.number < other.number || !mine && others
}

// jobs are the captures in hand: at most one job a capture, at most limit at once.
type jobs struct {
	limit    int
	start    func(*job)      // begins the goroutine of a new job
	promote  func()          // told that a job's priority has risen
	lifetime context.Context // of all jobs
	metrics  *Metrics

	mu      sync.Mutex
	byID    map[thumb.ID]*job
	counter uint64
	closed  bool
}

var (
	errClosed  = fmt.Errorf("%w: shutting down", thumb.ErrBusy)
	errFull    = fmt.Errorf("%w: render.queue is full", thumb.ErrBusy)
	errDropped = fmt.Errorf("%w: prefetch dropped for a client's sake", thumb.ErrBusy)
)

// join adds a label of a capture to the job in hand, or begins one.
func (s *jobs) join(id thumb.ID, position int, prefetch bool) (*outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	j := s.byID[id]
	if j == nil {
		if err := s.makeRoom(prefetch); err != nil {
			return nil, err
		}
		j = s.begin(id, prefetch)
	} else {
		s.metrics.coalesced.Inc()
	}
	if !prefetch && j.prefetch.CompareAndSwap(true, false) {
		s.promote()
	}
	if j.outcomes[position] == nil {
		j.outcomes[position] = &outcome{done: make(chan struct{})}
		j.wanted |= labelAt(position)
	}
	return j.outcomes[position], nil
}

// makeRoom refuses a job where the limit is reached. A prefetch may take half of
// the room only, and gives way to a client's job while it waits.
func (s *jobs) makeRoom(prefetch bool) error {
	switch {
	case prefetch && len(s.byID) >= (s.limit+1)/2:
		return errFull
	case len(s.byID) < s.limit:
		return nil
	}
	var youngest *job
	for _, j := range s.byID {
		if j.prefetch.Load() && !j.begun && (youngest == nil || youngest.number < j.number) {
			youngest = j
		}
	}
	if youngest == nil {
		return errFull
	}
	s.metrics.dropped.Inc()
	s.fail(youngest, errDropped)
	youngest.cancel(errDropped)
	return nil
}

func (s *jobs) begin(id thumb.ID, prefetch bool) *job {
	s.counter++
	j := &job{id: id, number: s.counter, changed: make(chan struct{}, 1)}
	j.prefetch.Store(prefetch)
	j.ctx, j.cancel = context.WithCancelCause(s.lifetime)
	s.byID[id] = j
	s.start(j)
	return j
}

// firstTurn marks a job as begun; it says false where it was dropped just before.
func (s *jobs) firstTurn(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.begun = true
	return !j.left
}

// remaining returns the labels that are asked for and not begun. Where there are
// none, the job is over: it has left, and whoever asks next begins another.
func (s *jobs) remaining(j *job) labels {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.wanted == 0 {
		s.leave(j)
	}
	return j.wanted
}

// seal takes the labels out of those that wait, unless another has joined since
// seen was read: then the caller looks again, to decode for all of them together.
func (s *jobs) seal(j *job, seen, taken labels) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.wanted != seen {
		return false
	}
	j.wanted &^= taken
	return true
}

// settle gives one label's outcome to whoever waits for it.
func (s *jobs) settle(j *job, position int, made Thumbnail, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.wanted &^= labelAt(position)
	s.conclude(j.outcomes[position], made, err)
}

// end lets go of everybody who still waits for the job, whose work is over one way
// or another. Ending it twice is harmless.
func (s *jobs) end(j *job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(j, err)
}

func (s *jobs) fail(j *job, err error) {
	s.leave(j)
	for _, o := range j.outcomes {
		s.conclude(o, Thumbnail{}, err)
	}
}

func (*jobs) conclude(o *outcome, made Thumbnail, err error) {
	if o == nil {
		return
	}
	select {
	case <-o.done: // settled before
	default:
		o.thumbnail, o.err = made, err
		close(o.done)
	}
}

func (s *jobs) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// leave takes the job from among those that can be joined.
func (s *jobs) leave(j *job) {
	if j.left {
		return
	}
	j.left = true
	delete(s.byID, j.id)
}

// wake tells a job that waits for another replica that its capture has changed.
func (s *jobs) wake(id thumb.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.byID[id]; j != nil {
		j.wake()
	}
}

func (s *jobs) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.byID {
		j.wake()
	}
}

func (j *job) wake() {
	select {
	case j.changed <- struct{}{}:
	default: // one is waiting to be read
	}
}

// close refuses new jobs, and drops those that nobody waits for.
func (s *jobs) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, j := range s.byID {
		if j.prefetch.Load() && !j.begun {
			s.fail(j, errClosed)
			j.cancel(errClosed)
		}
	}
}

// causeOf names what ended a job's context, as an error that clients' table knows.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, thumb.ErrBusy) {
		return cause
	}
	return err
}
