package curve

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// feed carries what requests have to tell to the estimator's goroutine. Nobody waits:
// what the queue has no room for is dropped, and the next page that has room stands
// for it, too.
type feed struct {
	queue, free chan *event
	// dropped is how many shown pages found no room since the last that did.
	dropped atomic.Uint32
	// changedAll is when every capture may have changed, in seconds; 0: it is done.
	changedAll atomic.Uint32
	stop       chan struct{}
	stopping   sync.Once
	ended      sync.WaitGroup
}

const (
	queued = 32 // events that wait at most
	// mostShown is how many captures of a page miniatures are shown. Of a larger page
	// they are shown the first so many, each of which stands for more.
	mostShown = 512
	// The goroutine works one part in worksOneIn of the time, in stretches: pages that
	// are as large as can be, without pause, must not take a processor for a curve.
	worksOneIn = 8
	stretch    = 2 * time.Millisecond
)

// Page is a page that the warm set was asked for, as it was when it had answered.
type Page struct {
	IDs     []thumb.ID
	Known   []thumb.Known
	Missing []int // positions of what was not in memory, ascending
	Now     time.Duration
	// Trust is how long an entry is believed, TrustMissing one that says that the
	// database has no such capture.
	Trust, TrustMissing time.Duration
	// Cost is what a capture takes in the warm set, on average, in bytes; 0: unknown.
	Cost float64
}

// event is a page, or captures that have changed.
type event struct {
	kind      eventKind
	keys      []uint32          // of the captures' hashes: of the first mostShown
	standings []thumb.Standing  // by key, of a page
	room      [mostShown]uint32 // of keys
	standRoom [mostShown]thumb.Standing
	lacked    int // captures that the warm set did not have
	larger    float64
	standsFor float64 // pages: itself and those that were dropped before it
	hood      uint32
	now       uint32 // seconds
	// trust is how long a held capture is believed (seconds), trustMissing one that
	// the database lacked.
	trust, trustMissing uint32
	cost                float64 // of a capture, in the warm set, on average; 0: unknown
	costOf              float64 // as miniatures have it
	absent              []bool  // scratch: by key, not found
}

type eventKind uint8

const (
	pageShown eventKind = iota
	capturesChanged
)

func (f *feed) start(take func(*event)) {
	f.queue, f.free, f.stop = make(chan *event, queued), make(chan *event, queued), make(chan struct{})
	events := make([]event, queued)
	for i := range events {
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
			if worked += time.Since(began); worked < stretch {
				continue
			}
		}
		select {
		case <-f.stop:
			return
		case <-time.After((worksOneIn - 1) * worked):
			worked = 0
		}
	}
}

// event returns one to be filled in and queued, nil where all are in use.
func (f *feed) event(kind eventKind, now time.Duration) *event {
	select {
	case ev := <-f.free:
		ev.kind, ev.keys, ev.now = kind, ev.room[:0], inSeconds(now)
		return ev
	default:
		return nil
	}
}

// Show shows a page to the miniatures, later, if there is room in the queue.
func (e *Estimator) Show(p Page) {
	ev := e.feed.event(pageShown, p.Now)
	if ev == nil {
		e.feed.dropped.Add(1)
		return
	}
	ev.fill(&p)
	ev.standsFor = 1 + float64(e.feed.dropped.Swap(0))
	e.feed.queue <- ev // has room for every event that there is
}

// fill copies what miniatures are shown of a page.
func (ev *event) fill(p *Page) {
	ids := p.IDs[:min(len(p.IDs), mostShown)]
	ev.hood, ev.standings, ev.lacked = hoodOf(ids[0]), ev.standRoom[:len(ids)], 0
	for i, id := range ids {
		ev.keys = append(ev.keys, key(id))
		ev.standings[i] = p.Known[i].Standing
	}
	for ev.lacked < len(p.Missing) && p.Missing[ev.lacked] < len(ids) {
		ev.lacked++
	}
	ev.larger = float64(len(p.IDs)) / float64(len(ids))
	ev.trust, ev.trustMissing, ev.cost = inSeconds(p.Trust), inSeconds(p.TrustMissing), p.Cost
}

// Changed tells the miniatures that captures have changed, as far as there is room in
// the queue.
func (e *Estimator) Changed(ids []thumb.ID, now time.Duration) {
	for len(ids) > 0 {
		ev := e.feed.event(capturesChanged, now)
		if ev == nil {
			return
		}
		n := min(len(ids), mostShown)
		for _, id := range ids[:n] {
			ev.keys = append(ev.keys, key(id))
		}
		ids = ids[n:]
		e.feed.queue <- ev
	}
}

// ChangedAll tells them that every capture may have changed.
func (e *Estimator) ChangedAll(now time.Duration) { e.feed.changedAll.Store(max(1, inSeconds(now))) }

// key is the part of a capture's hash by which miniatures know it.
func key(id thumb.ID) uint32 { return max(1, uint32(id.Hash())) }
