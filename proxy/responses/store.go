package responses

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"
)

const (
	// mostVariants is how many answers of one URL are kept.
	mostVariants = 32
	// mostTold is how many of them are for requests that tell something (appendTold): who
	// tells something else each time must not push out what is for all others.
	mostTold = 8
	// stripes is how many URLs can be added to at once.
	stripes = 64
)

// store keeps entries, by URL, in a ristretto cache. What ristretto holds for a URL is
// never changed, but replaced by another.
type store struct {
	cache   *ristretto.Cache[uint64, *variants]
	size    atomic.Int64
	stripes [stripes]sync.Mutex
	entries atomic.Int64
	bytes   atomic.Int64
	evicted atomic.Uint64
}

// variants are the answers of one URL, the newest first.
type variants struct {
	key     string
	entries []*Entry
	cost    int64
}

// room is what a cache of size bytes has for its answers, counters how many counters of
// reads ristretto has then; it counts reads batch by batch.
func room(size int64) int64     { return max(size-fixed-min(size/16, mostLying), 1) }
func counters(size int64) int64 { return max(1<<10, size/(2<<10)) }

const batch = 64

// mostLying is how much of max_size is left to what was dropped and lies there until it is
// collected: of the garbage that a process has lying there in any case, half.
const mostLying = 4 << 20

// fixed is what ristretto takes before it holds anything: its channel, empty shards, and
// the counters of what was asked for.
const fixed = 640 << 10

func newStore(size int64) (*store, error) {
	s := new(store)
	s.size.Store(size)
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *variants]{
		NumCounters:        counters(size),
		MaxCost:            room(size),
		BufferItems:        batch,
		IgnoreInternalCost: true, // cost has it
		OnEvict:            func(*ristretto.Item[*variants]) { s.evicted.Add(1) },
		OnExit: func(v *variants) {
			if v != nil {
				s.entries.Add(-int64(len(v.entries)))
				s.bytes.Add(-v.cost)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	s.cache = cache
	return s, nil
}

// resize changes the room. There are as many counters of reads as before: of a cache that
// has grown many times over, ristretto tells less well which answers are asked for often.
func (s *store) resize(size int64) {
	s.size.Store(size)
	s.cache.UpdateMaxCost(room(size))
}

// find returns the answers of a URL; nil: there are none.
func (s *store) find(hash uint64, key []byte) *variants {
	v, _ := s.cache.Get(hash)
	if v == nil || v.key != string(key) {
		return nil
	}
	return v
}

// add keeps an entry in place of those that match says it supersedes, and of those that
// hold no longer. ristretto takes it in before add returns, or not at all.
func (s *store) add(hash uint64, e *Entry, superseded func(*Entry) bool) {
	stripe := &s.stripes[hash%stripes]
	stripe.Lock()
	defer stripe.Unlock()
	next := &variants{key: e.key, entries: []*Entry{e}, cost: e.cost()}
	old := s.find(hash, []byte(e.key))
	if old != nil {
		told := count(e)
		for _, o := range old.entries {
			cost := o.cost()
			if len(next.entries) == mostVariants || next.cost+cost > s.size.Load()/4 || told+count(o) > mostTold || superseded(o) {
				continue
			}
			next.entries = append(next.entries, o)
			next.cost += cost
			told += count(o)
		}
	}
	s.replace(hash, old, next)
}

// replace keeps what there is of a URL from now on, in place of old, nil where there was
// none. The caller holds the stripe.
func (s *store) replace(hash uint64, old, next *variants) {
	if old != nil && next.cost > old.cost && s.cache.RemainingCost() < next.cost-old.cost {
		s.cache.Del(hash) // ristretto makes room for what is new, not for what has grown
	}
	s.entries.Add(int64(len(next.entries)))
	s.bytes.Add(next.cost)
	if !s.cache.Set(hash, next, next.cost) {
		s.entries.Add(-int64(len(next.entries)))
		s.bytes.Add(-next.cost)
		return
	}
	s.cache.Wait()
}

// count counts an entry among those for requests that tell something.
func count(e *Entry) int {
	if e.told != "" {
		return 1
	}
	return 0
}

// remove drops one entry of a URL, or all where e is nil.
func (s *store) remove(hash uint64, e *Entry) {
	stripe := &s.stripes[hash%stripes]
	stripe.Lock()
	defer stripe.Unlock()
	old, _ := s.cache.Get(hash)
	if old == nil {
		return
	}
	if e != nil {
		left := slices.DeleteFunc(slices.Clone(old.entries), func(o *Entry) bool { return o == e })
		if len(left) == len(old.entries) {
			return
		}
		if len(left) > 0 {
			next := &variants{key: old.key, entries: left, cost: old.cost - e.cost()}
			s.entries.Add(int64(len(left)))
			s.bytes.Add(next.cost)
			s.cache.Set(hash, next, next.cost)
			return
		}
	}
	s.cache.Del(hash)
}
