package responses

import (
	"sync"
	"time"
)

// spare is what is attached to entries only to save work, and can be done without. It has an
// eighth of max_size: answers that the app need not give again are worth more.
type spare struct {
	mu    sync.Mutex
	lent  []lent // those that were looked at longest ago first
	bytes int64
}

// lent is something spare, and what stays in its place.
type lent struct {
	hash       uint64
	key        string
	made, less *made
	at         time.Time
}

const (
	// spareTime is for how long what is spare is not taken away again for another's sake.
	spareTime = time.Minute
	// mostLookedAt is how many are looked at for one newcomer; the next goes on from there.
	mostLookedAt = 4
)

// Spare says whether there is room for n bytes that can be done without. To make room
// it takes away what is a minute old, or has gone with its entry. It waits for nobody: where
// another is at it, there is none.
func (c *Cache) Spare(n int64) bool {
	s := &c.spare
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	r := c.rules()
	limit := r.MaxSize / 8
	if n > min(limit, r.MaxObject) {
		return false
	}
	for range mostLookedAt {
		if s.bytes+n <= limit || len(s.lent) == 0 {
			break
		}
		l := s.lent[0]
		s.lent[0] = lent{}
		s.lent = s.lent[1:]
		if c.store.reclaim(&l) {
			s.bytes -= l.made.weight - l.less.weight
		} else {
			s.lent = append(s.lent, l)
		}
	}
	return s.bytes+n <= limit
}

// AttachSpare is Attach of a value that can be done without; less is what stays of it then.
func (c *Cache) AttachSpare(e *Entry, value, less Made) {
	l := lent{e.hash, e.key, &made{value, value.Weight()}, &made{less, less.Weight()}, time.Now()}
	if !c.attach(e, l.made) {
		return
	}
	s := &c.spare
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = append(s.lent, l)
	s.bytes += l.made.weight - l.less.weight
}

// reclaim takes away what is spare; it returns false where it is too young for that.
func (s *store) reclaim(l *lent) bool {
	v := s.find(l.hash, []byte(l.key))
	if v == nil {
		return true
	}
	for _, e := range v.entries {
		if e.made.Load() != l.made {
			continue
		}
		if time.Since(l.at) < spareTime {
			return false
		}
		s.attach(e, l.less)
		break
	}
	return true
}
