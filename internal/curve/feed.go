package curve

import (
	"sync"
	"sync/atomic"
	"time"
)

// feed carries what requests have to tell to the estimator's goroutine. Nobody waits:
// what the queue has no room for is dropped, and the next look-up that has room stands
// for it, too.
type feed struct {
	queue, free chan *event
	// rest is how long the goroutine rests at least once the queue is empty: to be woken
	// costs a request more than what is queued.
	rest time.Duration
	// dropped is how many shown look-ups found no room since the last that did.
	dropped atomic.Uint32
	// changedAll is when all may have changed, in seconds; 0: it is done.
	changedAll atomic.Uint32
	stop       chan struct{}
	stopping   sync.Once
	ended      sync.WaitGroup
}

const (
	// So many events wait at most. Sized ones are of one key each, and far more often: of
	// 2500 a second no more than these are shown.
	queued, queuedSized = 32, 128
	restSized           = 50 * time.Millisecond
	// mostShown is how many keys of a look-up miniatures are shown. Of a larger one they
	// are shown the first so many, each of which stands for more.
	mostShown = 512
	// The goroutine works one part in worksOneIn of the time, in stretches: look-ups that
	// are as large as can be, without pause, must not take a processor for a curve.
	worksOneIn = 8
	stretch    = 2 * time.Millisecond
)

// Lookup is what was looked up at once, as it was when it had been answered.
type Lookup struct {
	Hood    uint32
	Keys    int
	Missing []int // positions of what was not in memory, ascending
	Now     time.Duration
	// Trust is how long what is held is believed, TrustMissing the same of what stands for
	// something that is not there.
	Trust, TrustMissing time.Duration
	// Cost is what a key takes in the cache, in bytes: on average, 0 where that is unknown;
	// where keys are sized, this one.
	Cost float64
	// Weight is what a sized key counts, in place of 1.
	Weight float64
	// Anyway: whatever the cache's size, it could not have answered.
	Anyway bool
}

// Standing is what is known of a key once it was looked up.
type Standing uint8

const (
	There   Standing = iota
	Missing          // that it stands for nothing
	Unknown          // nothing: it is not kept
)

// event is a look-up, or keys that have changed.
type event struct {
	kind      eventKind
	keys      []uint32   // parts of hashes: of the first that there is room for
	standings []Standing // by key, of a look-up
	lacked    int        // keys that the cache did not have
	larger    float64
	standsFor float64 // look-ups: itself and those that were dropped before it
	hood      uint32
	now       uint32 // seconds
	// trust is how long what is held is believed (seconds), trustMissing the same of what
	// stands for nothing.
	trust, trustMissing uint32
	cost                float64 // of a key in the cache, on average or of this one; 0: unknown
	costOf              float64 // as miniatures have it
	units               int     // the same, where keys are sized; else 1
	anyway              bool
	absent              []bool // scratch: by key, not found
}

type eventKind uint8

const (
	lookupShown eventKind = iota
	keysChanged
)

func (f *feed) start(take func(*event), sized bool) {
	n, most := queued, mostShown
	if sized {
		n, most, f.rest = queuedSized, 1, restSized
	}
	f.queue, f.free, f.stop = make(chan *event, n), make(chan *event, n), make(chan struct{})
	events := make([]event, n)
	for i := range events {
		events[i] = event{keys: make([]uint32, 0, most), standings: make([]Standing, 0, most)}
		f.free <- &events[i]
	}
	f.ended.Go(func() { f.work(take) })
}

func (f *feed) close() {
	f.stopping.Do(func() { close(f.stop) })
	f.ended.Wait()
}

// work takes what is queued until the feed is closed.
func (f *feed) work(take func(*event)) {
	var worked time.Duration
	for {
		select {
		case <-f.stop:
			return
		case ev := <-f.queue:
			began := time.Now()
			take(ev)
			f.free <- ev
			if worked += time.Since(began); worked < stretch && (f.rest == 0 || len(f.queue) > 0) {
				continue
			}
		}
		select {
		case <-f.stop:
			return
		case <-time.After(max(f.rest, (worksOneIn-1)*worked)):
			worked = 0
		}
	}
}

// event returns one to be filled in and queued, nil where all are in use.
func (f *feed) event(kind eventKind, now time.Duration) *event {
	select {
	case ev := <-f.free:
		ev.kind, ev.keys, ev.standings, ev.now = kind, ev.keys[:0], ev.standings[:0], inSeconds(now)
		return ev
	default:
		return nil
	}
}

// Show shows a look-up to the miniatures, later, if there is room in the queue. key tells
// of the key at a position; it is not called after Show has returned.
func (e *Estimator) Show(l Lookup, key func(i int) (hash uint64, standing Standing)) {
	ev := e.feed.event(lookupShown, l.Now)
	if ev == nil {
		e.feed.dropped.Add(1)
		return
	}
	ev.fill(&l, key)
	ev.standsFor = 1 + float64(e.feed.dropped.Swap(0))
	e.feed.queue <- ev // has room for every event that there is
}

// fill copies what miniatures are shown of a look-up.
func (ev *event) fill(l *Lookup, key func(int) (uint64, Standing)) {
	n := min(l.Keys, cap(ev.keys))
	for i := range n {
		hash, standing := key(i)
		ev.keys, ev.standings = append(ev.keys, keyOf(hash)), append(ev.standings, standing)
	}
	for ev.lacked = 0; ev.lacked < len(l.Missing) && l.Missing[ev.lacked] < n; {
		ev.lacked++
	}
	ev.larger = float64(l.Keys) / float64(n)
	if l.Weight > 0 {
		ev.larger = l.Weight
	}
	ev.hood, ev.anyway = l.Hood, l.Anyway
	ev.trust, ev.trustMissing, ev.cost = inSeconds(l.Trust), inSeconds(l.TrustMissing), l.Cost
}

// Changed tells the miniatures that what so many keys stand for has changed, as far as
// there is room in the queue.
func (e *Estimator) Changed(keys int, hash func(i int) uint64, now time.Duration) {
	for i := 0; i < keys; {
		ev := e.feed.event(keysChanged, now)
		if ev == nil {
			return
		}
		for ; i < keys && len(ev.keys) < cap(ev.keys); i++ {
			ev.keys = append(ev.keys, keyOf(hash(i)))
		}
		e.feed.queue <- ev
	}
}

// ChangedAll tells them that all may have changed.
func (e *Estimator) ChangedAll(now time.Duration) { e.feed.changedAll.Store(max(1, inSeconds(now))) }

// keyOf is the part of a hash by which miniatures know a key.
func keyOf(hash uint64) uint32 { return max(1, uint32(hash)) }
