// Package store keeps in memory what is known of captures. It is what resolver knows of
// ristretto, set up for pages: how reads are counted, what is offered again, what an entry
// costs, all in. ristretto holds handles; the entries lie in an arena (arena.go).
//
// Whether an entry is believed is the warm set's to say. The store helps it by the marks
// of what has changed (marks.go), which outlive the entries. ristretto does what it is
// told at its own time and sometimes not at all: it decides what is kept, never what is
// true.
package store

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Store holds the entries, in a ristretto cache. Its methods may be called from many
// goroutines, but ristretto's Close tolerates neither Get nor Put beside it: who closes a
// Store first makes sure that nobody has it in hand any more.
type Store struct {
	size    int64 // bytes, all in
	marks   marks
	recent  recent
	arena   arena
	cache   *ristretto.Cache[uint64, handle]
	entries atomic.Int64
	cost    atomic.Int64 // of the entries: ristretto's own sum is behind a lock
	evicted atomic.Uint64
	closing atomic.Bool
	// heir, set by Close, is given every entry that it finds.
	heir func(thumb.ID, *Entry)
}

// New makes an empty store that takes size bytes of live heap when full.
func New(size int64) (*Store, error) {
	s := &Store{size: size, marks: newMarks(size, nil), recent: make(recent, recentFor(size))}
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, handle]{
		NumCounters:        Counters(size),
		MaxCost:            Room(size),
		BufferItems:        Batch,
		IgnoreInternalCost: true, // cost has it
		KeyToHash:          keyToHash,
		ShouldUpdate:       s.supersedes,
		OnEvict:            s.onEvict,
		OnReject:           s.onReject,
		OnExit:             s.onExit,
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	s.cache = cache
	return s, nil
}

// Counters returns how many counters of reads a store of size bytes has: half a
// one for every capture that fits. ristretto advises ten, which is far worse here:
// pages are polled for minutes and then left, and the fewer the counters, the sooner
// it forgets. Pages from memory at a tenth of the room that all would need
// (BenchmarkHitRatio, before onReject; a clairvoyant: 92 %): 53 % with ten, 75 % with
// two, 79 % with one, 82 % with half a one.
//
// ristretto makes a power of two of them, but counts by the number itself when it forgets.
// The one more keeps sizes that are powers of two from having the fewest for it: 83.7 %
// come to 84.7.
func Counters(size int64) int64 { return 1 + size/(ristrettoSize+entrySize)/2 }

// Batch is how many reads ristretto gathers before it counts them. It
// allocates a new buffer each time, so that a page of 500 captures with the
// usual 64 would allocate eight times.
const Batch = 512

// Room returns what a store of size bytes has for its entries, beside what it
// takes before it holds anything: ristretto's channel (256 KiB) and empty shards, its
// counters (four rows of half a byte and a Bloom filter of 9.6 bits, each rounded up
// to a power of two), the marks, and where those lie that were found a moment ago.
func Room(size int64) int64 {
	counters := Counters(size)
	return size - 256<<10 - 160<<10 - 2*pow2(counters) - pow2(counters*48/5)/8 - 8*int64(marksFor(size)+recentFor(size))
}

func pow2(n int64) int64 { return 1 << bits.Len64(uint64(n-1)) }

// keyToHash spreads captures over ristretto's 256 shards unevenly, the fullest
// holding twice what the emptiest does. A hash table of Go's doubles when it is
// full; shards of equal size would all do so at about the same number of captures,
// and what a capture takes would swing between 170 and 240 bytes with it. Like
// this, some shard is always about to double, and the average stays.
func keyToHash(id uint64) (hash, conflict uint64) {
	hash = thumb.ID(id).Hash()
	// The shard is 256·log2(1+u) for an evenly spread u, by a quadratic that is
	// within 1 % of it.
	u := hash >> 48
	shard := (u<<16 + u*(1<<16-u)>>16*22800) >> 24
	return hash&^0xff | min(shard, 0xff), id
}

// Get returns the entry of a capture, if it is held.
func (s *Store) Get(id thumb.ID) Entry {
	h, _ := s.cache.Get(uint64(id))
	return s.arena.load(h)
}

// GetSome returns the entries of some captures, zero ones of those that are not held. The
// clock shows now. Where they lie is looked up before any is read, so that one does not wait
// for the memory of another.
func (s *Store) GetSome(ids []thumb.ID, now time.Duration, entries *[AtOnce]Entry) {
	var words [AtOnce]uint64
	for i, id := range ids {
		words[i] = s.recent.of(id).Load()
	}
	stamp := stamp(now)
	for i, id := range ids {
		if entries[i] = (Entry{}); uint64(uint32(words[i])) == stamp {
			entries[i] = s.arena.find(id, uint32(words[i]>>32))
		}
		if !entries[i].Held() {
			entries[i] = s.getAt(id, stamp)
		}
	}
}

// getAt is Get, and notes where the entry lies.
func (s *Store) getAt(id thumb.ID, stamp uint64) Entry {
	h, _ := s.cache.Get(uint64(id))
	e := s.arena.load(h)
	if e.Held() {
		s.recent.of(id).Store(uint64(h.slot())<<32 | stamp)
	}
	return e
}

// AtOnce is how many entries GetSome returns at most.
const AtOnce = 64

// supersedes says whether an entry takes the place of another, whose query began earlier.
func (s *Store) supersedes(next, prev handle) bool {
	n, p := s.arena.load(next), s.arena.load(prev)
	return n.read >= p.read
}

// Put offers an entry. ristretto takes it in later, or not at all.
func (s *Store) Put(id thumb.ID, e *Entry) {
	cost, h := e.Cost(), s.arena.add(id, e)
	if s.cache.Set(uint64(id), h, cost) {
		s.entries.Add(1)
		s.cost.Add(cost)
	} else {
		s.arena.drop(h)
	}
}

// MeanCost is what an entry costs on average; 0 where there are too few to say.
func (s *Store) MeanCost() float64 {
	entries := s.entries.Load()
	if entries < 1000 {
		return 0
	}
	return float64(s.cost.Load()) / float64(entries)
}

// Settle returns when everything that was put before is taken in, or refused.
func (s *Store) Settle() { s.cache.Wait() }

// Size is what it takes when full, in bytes.
func (s *Store) Size() int64 { return s.size }

// Entries is how many there are, Evicted how many there were no room for any more.
func (s *Store) Entries() int64  { return max(s.entries.Load(), 0) }
func (s *Store) Evicted() uint64 { return s.evicted.Load() }

// Mark says that a capture has changed, by the notification with that sequence number.
func (s *Store) Mark(id thumb.ID, seq uint64) { s.marks.of(id).Store(seq) }

// Marked is the sequence number of the last notification that the capture has changed,
// or of a later one about another.
func (s *Store) Marked(id thumb.ID) uint64 { return s.marks.of(id).Load() }

// Inherit takes over the marks of another store. Nobody may use either meanwhile.
func (s *Store) Inherit(old *Store) { s.marks = newMarks(s.size, old.marks) }

// Used returns the bytes that the store takes, by its own account.
func (s *Store) Used() int64 { return s.size - s.cache.RemainingCost() }

// Sample returns a choice of about as many of old's captures as fit. It takes
// from every shard alike: a shard that once held many keeps the memory.
func (s *Store) Sample(old *Store) (fits func(thumb.ID) bool) {
	const scale = 1 << 24
	held := old.cache.MaxCost() - old.cache.RemainingCost()
	below := uint64(scale)
	if room := s.cache.MaxCost(); held > room {
		below = uint64(scale * float64(room) / float64(held))
	}
	return func(id thumb.ID) bool { return id.Hash()>>8%scale < below }
}

func (s *Store) onEvict(item *ristretto.Item[handle]) {
	switch {
	case item.Value == 0:
	case !s.closing.Load():
		s.evicted.Add(1)
	case s.heir != nil:
		e := s.arena.load(item.Value)
		s.heir(thumb.ID(item.Conflict), &e)
	}
}

// onReject offers again, nine times in ten, what ristretto refused. It refuses a
// capture that was asked for less often than each of five that it holds, picked at
// random; but a page that was opened just now is the one that will be polled, and
// costs a query each time until it is taken in. With another five every time, pages
// from memory at a tenth of the room are 85 % rather than 82 % (BenchmarkHitRatio),
// and what is never asked for again still does not push everything out.
func (s *Store) onReject(item *ristretto.Item[handle]) {
	if item.Value != 0 && !s.closing.Load() && OfferAgain() {
		e := s.arena.load(item.Value)
		s.Put(thumb.ID(item.Conflict), &e)
	}
}

// OfferAgain says whether to offer again what was refused.
func OfferAgain() bool { return rand.IntN(10) > 0 }

// onExit is called once for every entry that was put and is there no more.
func (s *Store) onExit(h handle) {
	if h != 0 {
		e := s.arena.load(h)
		s.entries.Add(-1)
		s.cost.Add(-e.Cost())
		s.arena.drop(h)
	}
}

// Close ends the store, whose entries go to heir, if there is one. Nobody else
// may be using it.
func (s *Store) Close(heir func(thumb.ID, *Entry)) {
	s.heir = heir
	s.closing.Store(true)
	s.cache.Close()
}
