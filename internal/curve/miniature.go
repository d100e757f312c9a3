package curve

import (
	"math/bits"
)

// miniature is a cache of some size, scaled down: it is shown one in 1<<shift of all
// neighbourhoods, those of a window, and has as much less room. It holds no entries, only
// which keys would be held, and since when.
//
// Its policy is ristretto's, as the cache sets it up: TinyLFU admits (a doorkeeper
// before counters of four bits, halved whenever as many reads were counted as there
// are counters), and of five held keys the least read one makes room. Where
// ristretto does more than its idea says, it is followed, because it shows: reads
// are counted in batches, long after them; the five are neighbours in a hash table.
// Its sketch's four rows are not: each takes the same bits of the hash for its place,
// with a seed of its own XORed, so that they collide together and never differ.
type miniature struct {
	cache *Imitated
	size  int64 // bytes, of the cache that it is of
	shift uint
	// windows are the curve's, by shift: others with the same shift share one.
	windows *windows
	room    int // keys; bytes, where those are sized
	limit   int // of keys held, whatever the room

	table   []heldKey // a hash table with linear probing, two thirds full at most
	costs   []uint32  // by place in table, where keys are sized; else nil: each costs 1
	held    int
	used    int      // of room
	counts  []byte   // two counters each
	door    []uint64 // bits
	counted int      // reads since the last ageing
	ageing  int      // reads between two
	reads   []uint32 // keys that were read, and are not counted yet

	lacked int // keys of the last look-up; notShown
}

// notShown stands for how many keys were lacked of a look-up that was not shown.
const notShown = -1

// heldKey is 8 bytes; all zero where there is none.
type heldKey struct {
	key uint32 // not 0
	// packed is when it was read (seconds, 20 bits), whether it stands for nothing (1 bit), and the neighbourhood that it was shown with (11 bits).
	packed uint32
}

const (
	hoodBits  = 11
	hoodMask  = 1<<hoodBits - 1
	lackedBit = 1 << hoodBits
	readShift = hoodBits + 1
	readMask  = 1<<(32-readShift) - 1

	maxHeld   = 1 << 13 // the limit: 170 KiB; where more would be held, the shift is raised
	maxSized  = 1 << 12 // the same, where the table has costs, too
	doorBits  = 16      // a counter; 1.4 % of keys are then taken for read before, 1 % in ristretto
	contested = 5       // ristretto's lfuSample
	// mostLooked is how many slots are looked at for so many.
	mostLooked = 256
)

// A miniature that could hold more than so many keys is shown less to begin with,
// within these limits. The less it holds, the more it has to be shown: where there are
// few, a page of captures is a good part of all. But no cache is smaller than MinSize.
const (
	wellHeld   = 3200
	leastShift = 2
	leastBelow = 4 // where the size is below that
	mostShift  = 8
)

// pack makes a heldKey's second half.
func pack(hood uint32, lacked bool, read uint32) uint32 {
	packed := read&readMask<<readShift | hood&hoodMask
	if lacked {
		packed |= lackedBit
	}
	return packed
}

// Hood returns the neighbourhood that a number stands for, spread more evenly than by
// chance (a multiple of the golden ratio): of any row of neighbourhoods one in so many is
// shown, as nearly as can be.
func Hood(n uint64) uint32 { return uint32(n * 0x9e3779b97f4a7c15 >> (64 - hoodBits)) }

// newMiniature makes one that holds what another does, as far as it has room for it
// (nil: nothing).
func newMiniature(cache *Imitated, size int64, shift uint, limit int, cost float64, windows *windows, from *miniature) *miniature {
	m := &miniature{cache: cache, size: size, shift: shift, limit: limit, windows: windows}
	var held []heldKey
	var costs []uint32
	if from != nil {
		m.shift, held, costs = max(shift, from.shift), from.table, from.costs
		windows.follow(m.shift, from.shift)
	}
	m.rebuild(cost, held, costs)
	return m
}

// usualScale returns the shift to begin with of a miniature of size bytes.
func (e *Estimator) usualScale(size int64, cost float64) uint {
	room := uint(max(1, float64(e.cache.Room(size))/cost))
	least := leastShift
	if size < e.cache.MinSize {
		least = leastBelow
	}
	return uint(min(max(bits.Len(room/wellHeld), least), mostShift))
}

// rebuild makes room as size and shift say, where keys cost so much on average, and takes
// over what it would be shown of held. What was counted is forgotten.
func (m *miniature) rebuild(cost float64, held []heldKey, costs []uint32) {
	m.fit(cost)
	m.held, m.used = 0, 0
	if m.table = make([]heldKey, pow2(m.most()+m.most()/2+1)); m.cache.Sized {
		m.table, m.costs = make([]heldKey, leastTable), make([]uint32, leastTable)
	}
	for i, h := range held {
		units := 1
		if costs != nil {
			units = int(costs[i])
		}
		if h.key != 0 && m.shows(h.packed) && m.fits(units) {
			m.put(h, units)
		}
	}
	counters := int(min(max(m.cache.Counters(m.size)>>m.shift, 1), int64(m.limit)))
	m.counted, m.ageing = 0, counters
	m.counts = make([]byte, max(1, pow2(counters)/2))
	m.door = make([]uint64, max(1, pow2(counters)*doorBits/64))
}

// fit gives it the room that there is where keys cost so much on average.
func (m *miniature) fit(cost float64) {
	m.room = max(1, int(float64(m.cache.Room(m.size))/cost)>>m.shift)
}

// most is how many keys it holds at most.
func (m *miniature) most() int { return min(m.room, m.limit) }

// full says whether it may have to let a key go for so many of such a cost.
func (m *miniature) full(keys, units int) bool {
	return m.held+keys > m.limit || m.used+keys*units > m.room
}

// fits says whether one more key fits.
func (m *miniature) fits(units int) bool { return !m.full(1, units) }

// leastTable is the smallest table where keys are sized: how many fit is not known, and a
// table with few keys in it would have victim look for long. It follows how many there are.
const leastTable = 64

// follow makes a table of sized keys so large that they take an eighth of it at least, and
// two thirds at most.
func (m *miniature) follow() {
	n := len(m.table)
	switch {
	case m.costs == nil:
		return
	case 3*(m.held+1) > 2*n:
		n *= 2
	case 8*m.held < n && n > leastTable:
		n /= 2
	default:
		return
	}
	held, costs := m.table, m.costs
	m.table, m.costs = make([]heldKey, n), make([]uint32, n)
	for i, h := range held {
		if h.key != 0 {
			at := m.slot(h.key)
			m.table[at], m.costs[at] = h, costs[i]
		}
	}
}

// put holds a key that it does not hold.
func (m *miniature) put(h heldKey, units int) {
	m.follow()
	at := m.slot(h.key)
	m.table[at] = h
	m.held++
	m.used += units
	if m.costs != nil {
		m.costs[at] = uint32(units)
	}
}

// each is how many look-ups one that it is shown stands for.
func (m *miniature) each() float64 { return float64(int(1) << m.shift) }

// shows says whether it is shown a neighbourhood.
func (m *miniature) shows(hood uint32) bool { return m.windows.show(hood, m.shift) }

// empty lets go of all that it holds.
func (m *miniature) empty() {
	clear(m.table)
	m.held, m.used = 0, 0
}

// find returns a held key, nil for none.
func (m *miniature) find(key uint32) *heldKey {
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

// lookup shows it a look-up, and returns how many of its keys it lacked. What it holds and
// believes it finds; the rest is read, and offered as far as anything was known of it.
func (m *miniature) lookup(p *event) (lacked int) {
	for i, key := range p.keys {
		h := m.find(key)
		if p.absent[i] = h == nil || p.anyway || !h.believed(p); p.absent[i] {
			lacked++
		}
	}
	m.reads = append(m.reads, p.keys...)
	if lacked > 0 {
		m.keep(p)
	}
	m.reads = append(m.reads, pageEnds)
	if len(m.reads) >= m.cache.Batch>>m.shift {
		m.count()
	}
	return lacked
}

func (h *heldKey) believed(p *event) bool {
	trust := p.trust
	if h.packed&lackedBit != 0 {
		trust = p.trustMissing
	}
	return (p.now-h.packed>>readShift)&readMask < min(trust, readMask/2)
}

// outdate makes it not to be believed: it was read half of what packed can tell before now.
func (h *heldKey) outdate(now uint32) {
	h.packed = h.packed&(1<<readShift-1) | (now+readMask/2)<<readShift
}

// keep offers what was not found; both caches read that twice (lookUp and board; find and
// add).
func (m *miniature) keep(p *event) {
	for i, key := range p.keys {
		if p.absent[i] {
			m.reads = append(m.reads, key)
		}
	}
	for i, key := range p.keys {
		if !p.absent[i] || p.standings[i] == Unknown {
			continue
		}
		packed := pack(p.hood, p.standings[i] == Missing, p.now)
		if at := m.slot(key); m.table[at].key == 0 {
			m.add(heldKey{key, packed}, p.units, p.costOf)
		} else if m.table[at].packed = packed; m.costs != nil {
			m.used += p.units - int(m.costs[at])
			m.costs[at] = uint32(p.units)
		}
	}
}

// add offers a key that is not held.
func (m *miniature) add(h heldKey, units int, cost float64) {
	if units > m.room {
		return
	}
	if m.held >= m.limit && m.used+units <= m.room && m.shift < hoodBits {
		m.windows.follow(m.shift+1, m.shift)
		m.shift++
		m.rebuild(cost, m.table, m.costs)
		if !m.shows(h.packed) {
			return
		}
	}
	var tried contest
	for !m.fits(units) {
		if key, reads := m.victim(h.packed, &tried); m.known(h.key) >= reads {
			m.drop(m.slot(key))
		} else if !m.cache.offersAgain() {
			return
		} else {
			tried.n = 0
		}
	}
	m.put(h, units)
}

// drop empties a slot, and moves up those behind it that belong further ahead.
func (m *miniature) drop(hole int) {
	mask := len(m.table) - 1
	if m.costs != nil {
		m.used -= int(m.costs[hole])
	} else {
		m.used--
	}
	for i := (hole + 1) & mask; m.table[i].key != 0; i = (i + 1) & mask {
		home := int(m.table[i].key>>8) & mask
		if (i-home)&mask >= (i-hole)&mask {
			m.table[hole] = m.table[i]
			if m.costs != nil {
				m.costs[hole] = m.costs[i]
			}
			hole = i
		}
	}
	m.table[hole] = heldKey{}
	m.held--
	m.follow()
}

func pow2(n int) int { return 1 << bits.Len(uint(n-1)) }
