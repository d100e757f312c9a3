package page

import (
	"math/bits"
	"math/rand/v2"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Ref is one route URL of a body.
type Ref struct {
	// Start and End enclose the string's contents in the body, quotes excluded.
	Start, End int
	// Origin is how many bytes of the contents are the scheme and the authority;
	// 0 where the URL has none.
	Origin int
	// Capture is the index of its capture in Found.IDs.
	Capture int
	// Position is its label's in the Specs.
	Position int
}

// Found is what a scan found. It is reused from scan to scan, by one goroutine at
// a time; the zero value is ready.
type Found struct {
	Refs []Ref      // in the order of the body
	IDs  []thumb.ID // the captures of Refs and Nulls, each once
	// Nulls are those that may be filled in, in the order of the body.
	Nulls []Null
	// Between is called with the number of bytes that were read since the last time, or
	// would have taken as long, every so often in a large body: for others to be let in.
	// nil: it is not called.
	Between func(bytes int)
	// OtherHost and OtherLabel count the route URLs that are left alone for their
	// authority or for their label.
	OtherHost, OtherLabel int

	slots   []int32 // open addressing: 1 + an index of IDs, 0 for a free slot
	seed    uint64
	scratch []byte
	open    []byte // the brackets that are open in a field object
	blocks  []outline
}

// Weight is roughly how many bytes of memory f holds.
func (f *Found) Weight() int {
	return cap(f.Refs)*40 + cap(f.Nulls)*24 + cap(f.IDs)*8 + len(f.slots)*4 + cap(f.blocks)*16 + cap(f.scratch) + cap(f.open)
}

func (f *Found) between(bytes int) {
	if f.Between != nil {
		f.Between(bytes)
	}
}

func (f *Found) reset() {
	f.Refs, f.IDs, f.Nulls = f.Refs[:0], f.IDs[:0], f.Nulls[:0]
	f.blocks = f.blocks[:0]
	f.OtherHost, f.OtherLabel = 0, 0
	clear(f.slots)
}

// Add returns the index of a capture in IDs, where it is added if it is not there.
func (f *Found) Add(id thumb.ID) int { return f.capture(id) }

// capture returns the index of id in IDs, where it is added if it is not there.
func (f *Found) capture(id thumb.ID) int {
	if last := len(f.IDs) - 1; last >= 0 && f.IDs[last] == id {
		return last
	}
	if 2*len(f.IDs) >= len(f.slots) {
		f.grow()
	}
	slot := f.slot(id)
	if at := f.slots[slot]; at != 0 {
		return int(at) - 1
	}
	f.IDs = append(f.IDs, id)
	f.slots[slot] = int32(len(f.IDs))
	return len(f.IDs) - 1
}

// slot returns where id is, or where it belongs. The seed is random, so that
// nobody can choose ids that all belong in one place.
func (f *Found) slot(id thumb.ID) uint64 {
	mask := uint64(len(f.slots) - 1)
	slot := uint64(id) * f.seed >> (65 - bits.Len(uint(len(f.slots))))
	for f.slots[slot] != 0 && f.IDs[f.slots[slot]-1] != id {
		slot = (slot + 1) & mask
	}
	return slot
}

// rehashWork is how many bytes take as long to read as one capture takes to move.
const rehashWork = 64

func (f *Found) grow() {
	f.seed = rand.Uint64() | 1
	f.slots = make([]int32, max(128, 2*len(f.slots)))
	for i, id := range f.IDs {
		f.slots[f.slot(id)] = int32(i + 1)
		if i%1024 == 1023 {
			f.between(1024 * rehashWork)
		}
	}
}
