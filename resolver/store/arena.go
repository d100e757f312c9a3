package store

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// arena is where the entries lie: by value, in large blocks without pointers, so that Go's
// garbage collector has nothing to walk and nothing lies unused between them. ristretto
// holds their handles. A slot is used again when its entry is no longer held; whoever
// comes too late, with the handle of the entry before, finds nothing.
type arena struct {
	blocks atomic.Pointer[[]*block] // grows; a block stays where it is

	mu   sync.Mutex // of what follows, and of growing
	free []uint32   // slots
	used uint32     // slots that were ever used

	// more is what does not fit a slot, by slot.
	moreMu sync.RWMutex
	more   map[uint32]*more
}

const blockBits = 12

type block [1 << blockBits]slot

// slot is 56 bytes. Its words are written while its version is odd, when nobody has a
// handle to it.
type slot struct {
	version atomic.Uint32
	project atomic.Uint32
	id      atomic.Int64
	packed  atomic.Uint64
	read    atomic.Int64
	digits  [inlineDigits]atomic.Uint64
}

// handle is a slot's number (the upper half) and its version (the lower); 0: none.
type handle uint64

func (h handle) slot() uint32 { return uint32(h >> 32) }

func (a *arena) at(slot uint32) *slot {
	return &(*a.blocks.Load())[slot>>blockBits][slot&(1<<blockBits-1)]
}

// add puts a capture's entry into a slot.
func (a *arena) add(id thumb.ID, e *Entry) handle {
	n := a.take()
	s := a.at(n)
	s.id.Store(int64(id))
	s.project.Store(e.project)
	s.packed.Store(e.packed)
	s.read.Store(int64(e.read))
	for i, digits := range e.digits {
		s.digits[i].Store(digits)
	}
	if e.more != nil {
		a.moreMu.Lock()
		a.more[n] = e.more
		a.moreMu.Unlock()
	}
	return handle(uint64(n)<<32 | uint64(s.version.Add(1)))
}

// take returns the number of a slot that is free, with an odd version.
func (a *arena) take() uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := len(a.free) - 1; last >= 0 {
		n := a.free[last]
		a.free = a.free[:last]
		return n
	}
	n := a.used
	if a.used++; n&(1<<blockBits-1) == 0 {
		var grown []*block
		if blocks := a.blocks.Load(); blocks != nil {
			grown = append(grown, *blocks...)
		} else {
			a.more = make(map[uint32]*more)
		}
		grown = append(grown, new(block))
		a.blocks.Store(&grown)
	}
	a.at(n).version.Store(1)
	return n
}

// find returns the entry in a slot where it is a capture's, else a zero one.
func (a *arena) find(id thumb.ID, n uint32) Entry {
	s := a.at(n)
	version := s.version.Load()
	if version%2 != 0 || s.id.Load() != int64(id) {
		return Entry{}
	}
	return a.load(handle(uint64(n)<<32 | uint64(version)))
}

// load returns the entry that a handle is of, a zero one where it is not held any more.
func (a *arena) load(h handle) (e Entry) {
	if h == 0 {
		return Entry{}
	}
	s := a.at(h.slot())
	e.packed, e.read, e.project = s.packed.Load(), time.Duration(s.read.Load()), s.project.Load()
	for i := range e.digits {
		e.digits[i] = s.digits[i].Load()
	}
	if e.packed&hasMore != 0 {
		a.moreMu.RLock()
		e.more = a.more[h.slot()]
		a.moreMu.RUnlock()
	}
	// Who writes to the slot has raised its version first.
	if s.version.Load() != uint32(h) {
		return Entry{}
	}
	return e
}

// drop lets go of an entry.
func (a *arena) drop(h handle) {
	n := h.slot()
	s := a.at(n)
	s.version.Add(1)
	if s.packed.Load()&hasMore != 0 {
		a.moreMu.Lock()
		delete(a.more, n)
		a.moreMu.Unlock()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free = append(a.free, n)
}
