package imaging

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
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

// target is what a job is about: a capture as it is public, or as the draft of a project.
// A capture that turns from the one into the other meanwhile has a job of each.
type target struct {
	id      thumb.ID
	project int64     // 0: public
	by      *labelled // by whose positions its labels are asked for
}

// label returns the label at a position.
func (t target) label(position int) string {
	if t.by == nil {
		return ""
	}
	return t.by.specs[position].Label
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
	target
	shelf  *shelf  // where its thumbnails are kept
	cfg    *Config // that was in force when it began; of labels see by
	number uint64  // by age
	holder string  // of the lease: nobody else's, in any process
	ctx    context.Context
	cancel context.CancelCauseFunc
	// client is whose job it is, a thumb.Client: see jobs.handTo. It is nobody's while
	// it is a prefetch.
	client atomic.Uint64
	// followed holds the span below which the job's stand; nil: none is recorded.
	followed atomic.Pointer[context.Context]
	// changed has a value when a notification named the capture.
	changed chan struct{}
	// These two are the job's goroutine's only: what is left of render.max_wait, and
	// the host of the original, once the job has had to wait for that host's share.
	patience time.Duration
	host     string

	// These belong to jobs.mu.
	outcomes [thumb.MaxSpecs]*outcome // of the labels asked for; nil: not asked for
	wanted   labels                   // asked for, and not sealed
	line     *line[*job]              // in which it waits for a turn, its first or one of its host's share; nil
	left     bool                     // no longer among the jobs
}

// jobs are the captures in hand: at most one job a capture (and kind of labels), at most limit at once.
type jobs struct {
	launch   func(*job)                  // starts the goroutine of a new job
	promote  func(*job)                  // told that a job has become another client's
	follow   func(context.Context, *job) // told of each that asks for a job; nil: nothing is traced
	lifetime context.Context             // of all jobs
	metrics  *Metrics
	lately   *lately // what failed

	mu       sync.Mutex
	limit    int
	byTarget map[target]*job
	byID     map[thumb.ID][]*job
	byClient map[thumb.Client]int // how many of them are whose
	waiting  *lines[*job]         // for a turn; by host where it is for that one's share
	counter  uint64
	closed   bool
}

// newJobs returns jobs that are launched with that lifetime.
func newJobs(lifetime context.Context, launch, promote func(*job), metrics *Metrics, lately *lately) *jobs {
	s := &jobs{
		launch: launch, promote: promote, lifetime: lifetime, metrics: metrics, lately: lately,
		byTarget: map[target]*job{}, byID: map[thumb.ID][]*job{}, byClient: map[thumb.Client]int{},
	}
	s.waiting = newLines(s.givesWay)
	return s
}

var errClosed = fmt.Errorf("%w: shutting down", thumb.ErrBusy)

// of returns whose job it is.
func (j *job) of() thumb.Client { return thumb.Client(j.client.Load()) }

// prefetch says whether no client waits for the job.
func (j *job) prefetch() bool { return j.of() == thumb.Nobody }

// join adds a label of a capture, which a client asks for or nobody does, to the job
// in hand, or to a new one, whose thumbnails are kept on that shelf. Of ctx only the span
// that it holds counts.
func (s *jobs) join(ctx context.Context, what target, on *shelf, position int, client thumb.Client) (*outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	j := s.byTarget[what]
	if j == nil {
		if err := s.makeRoom(client); err != nil {
			return nil, err
		}
		j = s.add(ctx, what, on, client)
	} else {
		s.metrics.coalesced.Inc()
		s.handTo(j, client)
		s.followBy(ctx, j)
	}
	if j.outcomes[position] == nil {
		j.outcomes[position] = &outcome{done: make(chan struct{})}
		j.wanted |= labelAt(position)
	}
	return j.outcomes[position], nil
}

// add makes a job and starts it. The caller holds mu.
func (s *jobs) add(ctx context.Context, what target, on *shelf, client thumb.Client) *job {
	s.counter++
	j := &job{target: what, shelf: on, number: s.counter, changed: make(chan struct{}, 1)}
	s.assign(j, client)
	s.wait(j, "")
	j.ctx, j.cancel = context.WithCancelCause(s.lifetime)
	s.byTarget[what] = j
	s.byID[what.id] = append(s.byID[what.id], j)
	s.followBy(ctx, j)
	s.launch(j)
	return j
}

func (s *jobs) followBy(ctx context.Context, j *job) {
	if s.follow != nil {
		s.follow(ctx, j)
	}
}

// start marks a job as one that has had a turn; it says false where the job was
// dropped just before.
func (s *jobs) start(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitNoMore(j)
	return !j.left
}

// queue marks a job as one that waits for its host's share of the turns.
func (s *jobs) queue(j *job, host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait(j, host)
}

// wanted returns the labels that are asked for and not sealed.
func (s *jobs) wanted(j *job) labels {
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.wanted
}

// leaveUnlessWanted returns the labels that are asked for and not sealed. Where there
// are none, the job leaves, and whoever asks next gets another.
func (s *jobs) leaveUnlessWanted(j *job) labels {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.wanted == 0 {
		s.leave(j)
	}
	return j.wanted
}

// seal takes labels out of those that are wanted, since they are about to be rendered,
// unless another has joined since seen was read: then the caller looks again, to
// decode for all of them together.
func (s *jobs) seal(j *job, seen, sealed labels) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.wanted != seen {
		return false
	}
	j.wanted &^= sealed
	return true
}

// finish gives one label's outcome to whoever waits for it.
func (s *jobs) finish(j *job, position int, made Thumbnail, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.wanted &^= labelAt(position)
	s.settle(j, position, made, err)
}

// end takes the job from among those that can be joined, and gives the error to
// whoever still waits for it. Ending a job twice is harmless.
func (s *jobs) end(j *job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letGo(j, err)
}

// letGo is end for a caller that holds mu.
func (s *jobs) letGo(j *job, err error) {
	s.leave(j)
	j.wanted = 0
	for position := range j.outcomes {
		s.settle(j, position, Thumbnail{}, err)
	}
}

// settle closes a label's outcome, once. A failure is listed before anybody hears of it.
// The caller holds mu.
func (s *jobs) settle(j *job, position int, made Thumbnail, err error) {
	o := j.outcomes[position]
	if o == nil {
		return
	}
	select {
	case <-o.done: // settled before
	default:
		if err != nil {
			s.lately.note(j.id, j.label(position), causeOfFailure(err), err)
		}
		o.thumbnail, o.err = made, err
		close(o.done)
	}
}

// count returns how many there are, and how many there may be.
func (s *jobs) count() (n, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byTarget), s.limit
}

// bound sets how many there may be. Those in hand go on.
func (s *jobs) bound(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
}

// leave takes the job from among those that can be joined.
func (s *jobs) leave(j *job) {
	if j.left {
		return
	}
	j.left = true
	s.waitNoMore(j)
	delete(s.byTarget, j.target)
	if s.byID[j.id] = slices.DeleteFunc(s.byID[j.id], func(other *job) bool { return other == j }); len(s.byID[j.id]) == 0 {
		delete(s.byID, j.id)
	}
	s.uncount(j.of())
}

// wake tells jobs that wait for another replica that their captures have changed.
func (s *jobs) wake(ids []thumb.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		for _, j := range s.byID[id] {
			j.wake()
		}
	}
}

func (s *jobs) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.byTarget {
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
	for j := s.prefetched(); j != nil; j = s.prefetched() {
		s.drop(j, errClosed)
	}
}

// causeOf names what ended a job's context, as an error that clients' table knows.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, thumb.ErrBusy) {
		return cause
	}
	return err
}
