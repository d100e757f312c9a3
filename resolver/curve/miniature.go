package curve

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// miniature is a warm set of some size, scaled down: it is shown one in 1<<shift of
// all neighbourhoods, those of a window, and has as much less room. It holds no
// entries, only which captures would be held, and since when.
//
// Its policy is ristretto's, as the warm set sets it up: TinyLFU admits (a doorkeeper
// before counters of four bits, halved whenever as many reads were counted as there
// are counters), and of five held captures the least read one makes room. Where
// ristretto does more than its idea says, it is followed, because it shows: reads
// are counted in batches, long after them; the five are neighbours in a hash table.
// Its sketch's four rows are not: each takes the same bits of the hash for its place,
// with a seed of its own XORed, so that they collide together and never differ.
type miniature struct {
	warm  *Imitated
	size  int64 // bytes, of the warm set that it is of
	shift uint
	// windows are the curve's, by shift: others with the same shift share one.
	windows *windows
	room    int // captures
	limit   int // of captures held, whatever the room

	table   []heldCapture // a hash table with linear probing, two thirds full at most
	held    int
	counts  []byte   // two counters each
	door    []uint64 // bits
	counted int      // reads since the last ageing
	ageing  int      // reads between two
	reads   []uint32 // keys that were read, and are not counted yet

	lacked int // captures of the last page; notShown
}

// notShown stands for how many captures were lacked of a page that was not shown.
const notShown = -1

// heldCapture is 8 bytes; all zero where there is none.
type heldCapture struct {
	key uint32 // of the capture's hash, not 0
	// packed is when its query began (seconds, 20 bits), whether the database lacked
	// it (1 bit), and the neighbourhood that it was shown with (11 bits).
	packed uint32
}

const (
	hoodBits  = 11
	hoodMask  = 1<<hoodBits - 1
	lackedBit = 1 << hoodBits
	readShift = hoodBits + 1
	readMask  = 1<<(32-readShift) - 1

	maxHeld   = 1 << 13 // the limit: 170 KiB; where more would be held, the shift is raised
	doorBits  = 16      // a counter; 1.4 % of captures are then taken for read before, 1 % in ristretto
	contested = 5       // ristretto's lfuSample
	// mostLooked is how many slots are looked at for so many.
	mostLooked = 256
)

// A miniature that could hold more than so many captures is shown less to begin with,
// within these limits. The less it holds, the more it has to be shown: where there are
// few captures, a page is a good part of all. But no warm set is smaller than Imitated.MinSize.
const (
	wellHeld   = 3200
	leastShift = 2
	leastBelow = 4 // where the size is below that
	mostShift  = 8
)

// pack makes a heldCapture's second half.
func pack(hood uint32, lacked bool, read uint32) uint32 {
	packed := read&readMask<<readShift | hood&hoodMask
	if lacked {
		packed |= lackedBit
	}
	return packed
}

// hoodOf returns the neighbourhood of ids in which a capture lies, as a number that
// is spread more evenly than by chance (a multiple of the golden ratio): of any row
// of neighbourhoods one in so many is shown, as nearly as can be.
func hoodOf(id thumb.ID) uint32 {
	return uint32(uint64(id>>hoodWidth) * 0x9e3779b97f4a7c15 >> (64 - hoodBits))
}

// newMiniature makes one that holds what another does, as far as it has room for it
// (nil: nothing).
func newMiniature(warm *Imitated, size int64, shift uint, limit int, cost float64, windows *windows, from *miniature) *miniature {
	m := &miniature{warm: warm, size: size, shift: shift, limit: limit, windows: windows}
	var held []heldCapture
	if from != nil {
		m.shift, held = max(shift, from.shift), from.table
		windows.follow(m.shift, from.shift)
	}
	m.rebuild(cost, held)
	return m
}

// usualScale returns the shift to begin with of a miniature of size bytes.
func (e *Estimator) usualScale(size int64, cost float64) uint {
	room := uint(max(1, float64(e.warm.Room(size))/cost))
	least := leastShift
	if size < e.warm.MinSize {
		least = leastBelow
	}
	return uint(min(max(bits.Len(room/wellHeld), least), mostShift))
}

// rebuild makes room as size and shift say, where captures cost so much on average,
// and takes over what it would be shown of held. What was counted is forgotten.
func (m *miniature) rebuild(cost float64, held []heldCapture) {
	m.fit(cost)
	m.held, m.table = 0, make([]heldCapture, pow2(m.most()+m.most()/2+1))
	for _, h := range held {
		if h.key != 0 && m.shows(h.packed) && m.held < m.most() {
			m.table[m.slot(h.key)] = h
			m.held++
		}
	}
	counters := int(min(max(m.warm.Counters(m.size)>>m.shift, 1), int64(m.limit)))
	m.counted, m.ageing = 0, counters
	m.counts = make([]byte, max(1, pow2(counters)/2))
	m.door = make([]uint64, max(1, pow2(counters)*doorBits/64))
}

// fit gives it the room that there is where captures cost so much on average.
func (m *miniature) fit(cost float64) {
	m.room = max(1, int(float64(m.warm.Room(m.size))/cost)>>m.shift)
}

// most is how many captures it holds at most.
func (m *miniature) most() int { return min(m.room, m.limit) }

// full says whether it may have to let a capture go for a page of so many.
func (m *miniature) full(page int) bool { return m.held+page > m.most() }

// each is how many pages one that it is shown stands for.
func (m *miniature) each() float64 { return float64(int(1) << m.shift) }

// shows says whether it is shown a neighbourhood.
func (m *miniature) shows(hood uint32) bool { return m.windows.show(hood, m.shift) }

// empty lets go of all that it holds.
func (m *miniature) empty() {
	clear(m.table)
	m.held = 0
}

// find returns a held capture, nil for none.
func (m *miniature) find(key uint32) *heldCapture {
	if h := &m.table[m.slot(key)]; h.key != 0 {
		return h
	}
	return nil
}

// slot returns where key is in the table, or would be. Its last bits choose counters.
func (m *miniature) slot(key uint32) int {
	mask := len(m.table) - 1
	i := int(key>>8) & mask
	for m.table[i].key != 0 && m.table[i].key != key {
		i = (i + 1) & mask
	}
	return i
}

// page shows it a page, and returns how many of its captures it lacked. What it
// holds and believes it finds; the rest is read, and offered as far as anything was
// known of it.
func (m *miniature) page(p *event) (lacked int) {
	for i, key := range p.keys {
		h := m.find(key)
		if p.absent[i] = h == nil || !h.believed(p); p.absent[i] {
			lacked++
		}
	}
	m.reads = append(m.reads, p.keys...)
	if lacked > 0 {
		m.keep(p)
	}
	m.reads = append(m.reads, pageEnds)
	if len(m.reads) >= m.warm.Batch>>m.shift {
		m.count()
	}
	return lacked
}

func (h *heldCapture) believed(p *event) bool {
	trust := p.trust
	if h.packed&lackedBit != 0 {
		trust = p.trustMissing
	}
	return (p.now-h.packed>>readShift)&readMask < trust
}

// outdate makes it not to be believed: its query was half of what packed can tell
// before now.
func (h *heldCapture) outdate(now uint32) {
	h.packed = h.packed&(1<<readShift-1) | (now+readMask/2)<<readShift
}

// keep offers what was not found; the warm set reads that twice (lookUp, board).
func (m *miniature) keep(p *event) {
	for i, key := range p.keys {
		if p.absent[i] {
			m.reads = append(m.reads, key)
		}
	}
	for i, key := range p.keys {
		if !p.absent[i] || p.standings[i] == thumb.Unresolved {
			continue
		}
		packed := pack(p.hood, p.standings[i] == thumb.Missing, p.now)
		if h := m.find(key); h != nil {
			h.packed = packed
		} else {
			m.add(heldCapture{key, packed}, p.costOf)
		}
	}
}

// add offers a capture that is not held.
func (m *miniature) add(h heldCapture, cost float64) {
	if m.held >= m.limit && m.room > m.limit && m.shift < hoodBits {
		m.windows.follow(m.shift+1, m.shift)
		m.shift++
		m.rebuild(cost, m.table)
		if !m.shows(h.packed) {
			return
		}
	}
	for m.held >= m.most() {
		if at, reads := m.victim(h.packed); m.known(h.key) >= reads {
			m.drop(at)
		} else if !m.warm.OfferAgain() {
			return
		}
	}
	m.table[m.slot(h.key)] = h
	m.held++
}

// victim chooses who makes room, and says how often it was read. Like ristretto it
// takes neighbours in a hash table, from a place chosen at random: those that stand
// apart from others go sooner. Captures of one page do not make room for each other:
// in the warm set they hardly ever meet, in a miniature they would. Where a page is
// nearly all that it holds, it may find none; the capture is then refused.
func (m *miniature) victim(hood uint32) (at, reads int) {
	mask := len(m.table) - 1
	i, looked := rand.IntN(len(m.table)), 0
	reads = math.MaxInt
	for range min(len(m.table), mostLooked) {
		if h := &m.table[i]; h.key != 0 && (h.packed^hood)&hoodMask != 0 {
			if n := m.known(h.key); n < reads {
				at, reads = i, n
			}
			if looked++; looked == contested {
				break
			}
		}
		i = (i + 1) & mask
	}
	return at, reads
}

// drop empties a slot, and moves up those behind it that belong further ahead.
func (m *miniature) drop(hole int) {
	mask := len(m.table) - 1
	for i := (hole + 1) & mask; m.table[i].key != 0; i = (i + 1) & mask {
		home := int(m.table[i].key>>8) & mask
		if (i-home)&mask >= (i-hole)&mask {
			m.table[hole], hole = m.table[i], i
		}
	}
	m.table[hole] = heldCapture{}
	m.held--
}

func pow2(n int) int { return 1 << bits.Len(uint(n-1)) }
