package store

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// entryOf is one whose every word follows from n; every fourth has a path of its own, and
// every third is a draft's.
func entryOf(n uint64) Entry {
	known := thumb.Known{Standing: thumb.Public, Digits: [thumb.MaxSpecs]uint64{n, n, n}}
	if n%3 == 0 {
		known.Standing, known.Project = thumb.Draft, int64(n)
	}
	if n%4 == 0 {
		known.Paths = &[thumb.MaxSpecs]string{"a path"}
	}
	return NewEntry(&known, n, time.Duration(n))
}

// Entries come and go while others are read: each handle gives its own entry, whole, or
// none.
func TestArena(t *testing.T) {
	t.Parallel()
	var a arena
	const places, rounds = 64, 20_000
	var handles [places]atomic.Uint64
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for i := 0; !stop.Load(); i++ {
				e := a.load(handle(handles[i%places].Load()))
				if want := entryOf(e.Seq()); e.Held() && (e.packed != want.packed || e.read != want.read || e.digits != want.digits || e.project != want.project || (e.more == nil) != (want.more == nil)) {
					t.Errorf("read %+v, want %+v", e, want)
					return
				}
			}
		})
	}
	for n := uint64(1); n <= rounds; n++ {
		e := entryOf(n)
		at := &handles[n*7%places]
		before := handle(at.Load())
		at.Store(uint64(a.add(1, &e)))
		if before != 0 {
			a.drop(before)
			if e := a.load(before); e.Held() {
				t.Fatalf("an entry that was dropped is still there: %+v", e)
			}
		}
	}
	stop.Store(true)
	readers.Wait()
	if a.used > places+1 || len(a.more) > places {
		t.Errorf("%d slots were used for %d entries, and %d have more", a.used, places, len(a.more))
	}
}

// Whatever ristretto does with them, every slot whose entry is not held is free.
func TestEverySlotIsFreedOnce(t *testing.T) {
	t.Parallel()
	s, err := New(2 << 20)
	if err != nil {
		t.Fatal(err)
	}
	var putters sync.WaitGroup
	for p := range uint64(4) {
		putters.Go(func() {
			for n := range uint64(8_000) {
				e := entryOf(n*4 + p)
				s.Put(thumb.ID(1+n%15_000), &e)
				if n%512 == 0 {
					s.Settle()
				}
				s.Get(thumb.ID(1 + n*31%15_000))
			}
		})
	}
	putters.Wait()
	slots := func() (free, used int64) {
		s.arena.mu.Lock()
		defer s.arena.mu.Unlock()
		return int64(len(s.arena.free)), int64(s.arena.used)
	}
	for tries := 0; ; tries++ { // what is refused is offered again, some times
		s.Settle()
		free, used := slots()
		if held := s.Entries(); held > 0 && held+free == used {
			break
		} else if tries == 1000 {
			t.Fatalf("%d entries are held and %d slots free, of %d", held, free, used)
		}
	}
	s.Close(nil)
	if s.Entries() != 0 || len(s.arena.free) != int(s.arena.used) || len(s.arena.more) != 0 || s.cost.Load() != 0 {
		t.Errorf("after all is gone: %d entries, %d of %d slots free, %d with more, cost %d", s.Entries(), len(s.arena.free), s.arena.used, len(s.arena.more), s.cost.Load())
	}
}
