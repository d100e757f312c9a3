package store

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// ofCapture is an entry that says whose it is.
func ofCapture(id thumb.ID) Entry {
	return NewEntry(&thumb.Known{Standing: thumb.Public, Digits: [thumb.MaxSpecs]uint64{uint64(id)}}, 1, 0)
}

// get is GetSome for one capture.
func get(s *Store, id thumb.ID, now time.Duration) Entry {
	var entries [AtOnce]Entry
	s.GetSome([]thumb.ID{id}, now, &entries)
	return entries[0]
}

func held(t *testing.T, ids ...thumb.ID) *Store {
	t.Helper()
	s, err := New(2 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(nil) })
	for _, id := range ids {
		e := ofCapture(id)
		s.Put(id, &e)
	}
	s.Settle()
	return s
}

// An entry that ristretto has let go of is gone at once, although it was found a moment ago,
// and no other's is taken for it that comes to lie in its place.
func TestRecentIsGoneWithItsEntry(t *testing.T) {
	t.Parallel()
	s := held(t, 7)
	if e := get(s, 7, 0); !e.Held() {
		t.Fatal("the capture is not held")
	}
	place := s.recent.of(7).Load() >> 32
	s.cache.Del(7)
	s.Settle()
	if e := get(s, 7, 0); e.Held() {
		t.Errorf("an entry that is not held was found: %+v", e)
	}
	e := ofCapture(8)
	s.Put(8, &e)
	s.Settle()
	s.recent.of(7).Store(place<<32 | stamp(0)) // as who comes too late has it
	if e := get(s, 8, 0); !e.Held() || s.recent.of(8).Load()>>32 != place {
		t.Fatalf("the other capture is not in its place: %+v", e)
	}
	if e := get(s, 7, 0); e.Held() {
		t.Errorf("another capture's entry was found: %+v", e)
	}
}

// What takes an entry's place is found at once.
func TestRecentFollowsWhatIsNew(t *testing.T) {
	t.Parallel()
	s := held(t, 7)
	get(s, 7, 0)
	newer := NewEntry(&thumb.Known{Standing: thumb.Private}, 2, time.Second)
	s.Put(7, &newer)
	s.Settle()
	if e := get(s, 7, 0); e.Standing() != thumb.Private {
		t.Errorf("found %+v after a newer entry came", e)
	}
}

// ristretto is asked once a moment, so that it counts who is asked for.
func TestRecentLastsAMoment(t *testing.T) {
	t.Parallel()
	s := held(t, 7)
	word := s.recent.of(7)
	for now, want := range map[time.Duration]uint64{0: 1, moment - 1: 1, moment: 2, math.MaxUint32*moment - moment: math.MaxUint32, math.MaxUint32 * moment: 1} {
		word.Store(0)
		get(s, 7, now)
		if got := word.Load() & math.MaxUint32; got != want {
			t.Errorf("after %v the stamp is %d, want %d", now, got, want)
		}
		place := word.Load()
		get(s, 7, now)
		if word.Load() != place {
			t.Errorf("after %v the word changed from %x to %x", now, place, word.Load())
		}
	}
}

// However fast entries come and go, a capture's entry is its own, or there is none.
func TestRecentIsNobodyElses(t *testing.T) {
	t.Parallel()
	s := held(t)
	const captures = 3000
	var stop atomic.Bool
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			ids, entries := make([]thumb.ID, AtOnce), [AtOnce]Entry{}
			for first := thumb.ID(1); !stop.Load(); first = 1 + (first+AtOnce)%captures {
				for i := range ids {
					ids[i] = first + thumb.ID(i)
				}
				s.GetSome(ids, 0, &entries)
				for i := range entries {
					if e := &entries[i]; e.Held() && e.digits[0] != uint64(ids[i]) {
						t.Errorf("capture %d is told what is known of %d", ids[i], e.digits[0])
						return
					}
				}
			}
		})
	}
	for w := range 2 {
		writers.Go(func() {
			for n := range 20_000 {
				id := thumb.ID(1 + (n*31+w*7)%captures)
				e := ofCapture(id)
				s.Put(id, &e)
				if n%3 == 0 {
					s.cache.Del(uint64(1 + (n*17)%captures))
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
}
