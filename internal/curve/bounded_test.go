package curve

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// imitated is about what a warm set is like.
func imitated() Imitated {
	return Imitated{
		MinSize: 2 << 20, Batch: 512, OfferAgain: func() bool { return false }, Cost: 248,
		Room:     func(size int64) int64 { return size - 416<<10 - size/32 },
		Counters: func(size int64) int64 { return max(1, size/500) },
	}
}

// page is a look-up of keys that follow each other, and what it tells of them.
type page struct {
	Lookup
	first uint64
}

// pageOf is a page of n captures, none of which was in memory.
func pageOf(first uint64, n int) page {
	p := page{Lookup{Hood: hood(first), Keys: n, Trust: time.Hour, TrustMissing: time.Hour}, first}
	for i := range n {
		p.Missing = append(p.Missing, i)
	}
	return p
}

func hash0(i int) uint64 { return hash(uint64(i)) }

func hood(first uint64) uint32 { return Hood(first >> 5) }

func (p page) key(i int) (uint64, Standing) { return hash(p.first + uint64(i)), There }

// hash is SplitMix64.
func hash(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func emptyEvent() event {
	return event{kind: lookupShown, keys: make([]uint32, 0, mostShown)}
}

func (ev *event) show(e *Estimator, p page) {
	ev.keys, ev.standings = ev.keys[:0], ev.standings[:0]
	ev.fill(&p.Lookup, p.key)
	e.take(ev)
}

// full returns an estimator that was shown more captures than any of its miniatures
// can hold.
func full(size int64) *Estimator {
	e := New(size, imitated())
	ev := emptyEvent()
	for first := uint64(1); len(e.minis) < len(sizes) && first < 1<<40; first += 1 << 20 {
		if e.Count(hood(first), mostShown, mostShown) {
			ev.show(e, pageOf(first, mostShown))
		}
	}
	return e
}

func live() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// Whatever there is to be held, and however large the warm set.
func TestMemoryIsBounded(t *testing.T) {
	for _, size := range []int64{2 << 20, 64 << 20, 1 << 30, 1 << 40} {
		before := live()
		e := full(size)
		took := live() - before
		if t.Logf("the curve of %d bytes takes %d", size, took); took > 2<<20 {
			t.Errorf("the curve of %d bytes takes %d bytes, want at most 2 MiB", size, took)
		}
		e.Close()
	}
}

// Where keys differ in size, too: however small they are, and however large.
func TestMemoryOfSizedIsBounded(t *testing.T) {
	sized := imitated()
	sized.Sized, sized.Batch = true, 64
	for _, size := range []int64{2 << 20, 64 << 20, 1 << 40} {
		for _, cost := range []float64{1 << 10, 68 << 10, 1 << 20} {
			before := live()
			e := New(size, sized)
			ev := event{kind: lookupShown, keys: make([]uint32, 0, 1)}
			for i := range uint64(30_000) {
				p := pageOf(i, 1)
				p.Hood, p.Cost = Hood(hash(i)), cost
				ev.show(e, p)
			}
			took := live() - before
			if t.Logf("the curve of %d bytes, of keys of %v, takes %d", size, cost, took); took > 2<<20 {
				t.Errorf("the curve of %d bytes, of keys of %v, takes %d bytes, want at most 2 MiB", size, cost, took)
			}
			for i, m := range e.minis {
				if sum := m.sum(); m.used != sum || m.used > m.room || m.held > m.limit {
					t.Errorf("miniature %d holds %d keys of %d bytes, says %d, and has room for %d", i, m.held, sum, m.used, m.room)
				}
			}
			e.Close()
		}
	}
}

// sum is what it holds costs.
func (m *miniature) sum() (sum int) {
	for i := range m.table {
		if m.table[i].key != 0 {
			sum += int(m.costs[i])
		}
	}
	return sum
}

// While the estimator's goroutine is held up, for as long as that takes, requests tell
// it what they have to tell, and go on. What found no room is counted again later.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	e := New(64<<20, imitated())
	defer e.Close()
	e.mu.Lock()
	small, large := pageOf(1, 20), pageOf(1, 100_000)
	for range queued {
		e.Show(small.Lookup, small.key)
		e.Show(large.Lookup, large.key)
		e.Changed(large.Keys, hash0, 0)
		e.ChangedAll(0)
		e.Count(large.Hood, 100_000, 1)
	}
	// All but those that the goroutine took off the queue before it was held up.
	if dropped := e.feed.dropped.Load(); dropped < queued/2 {
		t.Errorf("only %d pages were dropped", dropped)
	}
	e.mu.Unlock()
}

// A page that found room stands for those that did not, and the part of a large page
// for all of it.
func TestWhatIsDroppedCounts(t *testing.T) {
	t.Parallel()
	e := New(64<<20, imitated())
	e.Close() // the test is the goroutine
	p := pageOf(1, 3*mostShown)
	for range queued + 9 {
		e.Show(p.Lookup, p.key)
	}
	e.take(<-e.feed.queue)
	another := emptyEvent()
	e.feed.free <- &another
	e.Show(p.Lookup, p.key)
	for len(e.feed.queue) > 1 {
		<-e.feed.queue
	}
	last := <-e.feed.queue
	if last.standsFor != 10 || last.larger != 3 || last.lacked != mostShown || len(last.keys) != mostShown {
		t.Errorf("stands for %v pages, each %v times as large, lacked %d of %d", last.standsFor, last.larger, last.lacked, len(last.keys))
	}
	first := e.counted[0].real
	if want := e.minis[0].each(); first != (missed{want, 3 * mostShown * want}) {
		t.Errorf("a page that stands for itself is counted as %+v, want %v", first, want)
	}
}

// The largest page costs the goroutine not much more than one of mostShown captures,
// although they are all of one neighbourhood: those do not make room for each other.
func TestLargestPageIsBoundedWork(t *testing.T) {
	e := full(64 << 20)
	e.Close()
	first := uint64(1 << 41)
	times := func(n int) time.Duration {
		p, took := pageOf(0, n), make([]time.Duration, 0, 15)
		for ; len(took) < cap(took); first += 1 << 20 {
			if !e.minis[0].shows(hood(first)) {
				continue
			}
			p.first, p.Hood = first, hood(first)
			ev := emptyEvent()
			began := time.Now()
			ev.show(e, p)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	usual, largest := times(mostShown), times(300_000)
	t.Logf("%v for %d captures, %v for 300,000", usual, mostShown, largest)
	if largest > 10*usual {
		t.Errorf("%v for %d captures, %v for 300,000", usual, mostShown, largest)
	}
}
