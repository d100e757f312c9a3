package curve

import (
	"math"
	"math/rand/v2"
)

// contest are the held keys of which one makes room. Where a key needs the room of several,
// the others stay in it, as with ristretto: the more have gone, the more often those that
// are left were read.
type contest struct {
	keys [contested]uint32
	n    int
}

func (c *contest) has(key uint32) bool {
	for _, k := range c.keys[:c.n] {
		if k == key {
			return true
		}
	}
	return false
}

// victim chooses who makes room, takes it out of the contest, and says how often it was
// read. Like ristretto it takes neighbours in a hash table, from a place chosen at random:
// those that stand apart from others go sooner. Captures of one page do not make room for
// each other: in the warm set they hardly ever meet, in a miniature they would. Where a
// page is nearly all that it holds, it may find none; the key is then refused.
func (m *miniature) victim(hood uint32, c *contest) (key uint32, reads int) {
	mask := len(m.table) - 1
	i := rand.IntN(len(m.table))
	for range min(len(m.table), mostLooked) {
		if c.n == contested {
			break
		}
		if h := &m.table[i]; h.key != 0 && (h.packed^hood)&hoodMask != 0 && !c.has(h.key) {
			c.keys[c.n] = h.key
			c.n++
		}
		i = (i + 1) & mask
	}
	reads = math.MaxInt
	least := 0
	for j, k := range c.keys[:c.n] {
		if n := m.known(k); n < reads {
			key, reads, least = k, n, j
		}
	}
	if c.n > 0 {
		c.n--
		c.keys[least] = c.keys[c.n]
	}
	return key, reads
}
