package page

import "math/bits"

// brackets are sought in a body that is read a second time: { and [ are the same but for
// one bit, and so are } and ].
var brackets = sought{fold: '{' ^ '[', a: '{', b: '}'}

// reading is the second walk through a body. It knows where quotes and brackets are, of a
// chunk of blocks at a time, and so steps over strings and values without a look at what
// they hold. It goes forwards only.
type reading struct {
	*walk
	end         int           // of the chunk in hand
	quotes      [chunk]uint64 // where strings begin and end
	brackets    [chunk]uint64 // outside strings
	classes     [chunk]masks  // for next
	backslashes bool          // there are some in this chunk or the one before: in a short name, too
	slashes     bool          // in this one
}

// reach has the block of index at in hand. It returns false behind the end of the body.
func (r *reading) reach(at int) bool {
	for at >= r.end {
		if r.end >= len(r.body) {
			return false
		}
		r.next()
	}
	return true
}

// next takes the next chunk in hand.
func (r *reading) next() {
	part := r.classify(&r.classes, r.end, brackets)
	last := r.slashes
	r.slashes = false
	for i := range part {
		m := &part[i]
		quotes, in := m.quotes, m.parity^r.inString
		if m.backslashes|r.escaped != 0 {
			r.slashes = true
			quotes = r.unescaped(m.quotes, m.backslashes)
			in = parity(quotes) ^ r.inString
		}
		r.inString = uint64(int64(in) >> 63)
		block := (uint(r.end)/blockSize + uint(i)) % chunk
		r.quotes[block], r.brackets[block] = quotes, m.sought&^in
	}
	r.backslashes = last || r.slashes
	r.end += len(part) * blockSize
}

// past is space where c is expected, and stands there at once as a rule.
func (r *reading) past(at int, c byte) int {
	if at < len(r.body) && r.body[at] == c {
		return at
	}
	return r.space(at)
}

// quote returns the index of the first quote from at on that begins or ends a string; -1
// where there is none.
func (r *reading) quote(at int) int {
	for ; at < r.end || r.reach(at); at = (at | (blockSize - 1)) + 1 {
		if rest := r.quotes[uint(at)/blockSize%chunk] >> (uint(at) % blockSize); rest != 0 {
			return at + bits.TrailingZeros64(rest)
		}
	}
	return -1
}

// deepest is how many brackets may be open at once in a value that is skipped: as many as
// a word has bits.
const deepest = 64

// skip returns the index behind the value at index at, or -1. Of what lies in it only
// brackets are looked at.
func (r *reading) skip(at int) (end int) {
	switch r.byteAt(at) {
	case '"':
		if at = r.quote(at + 1); at < 0 {
			return -1
		}
		return at + 1
	case '{', '[':
		return r.closing(at)
	}
	start := at
	for at < len(r.body) && kinds[r.body[at]] == 0 {
		at++
	}
	if at == start {
		return -1
	}
	return at
}

// closing returns the index behind the bracket that closes the one at index at, or -1.
func (r *reading) closing(at int) (end int) {
	lists, depth := uint64(0), 0 // a bit for each open bracket: 1 for '['
	for ; at < r.end || r.reach(at); at = (at | (blockSize - 1)) + 1 {
		rest := r.brackets[uint(at)/blockSize%chunk] >> (uint(at) % blockSize)
		for ; rest != 0; rest &= rest - 1 {
			i := at + bits.TrailingZeros64(rest)
			c := r.body[i]
			list := uint64(c>>5&1 ^ 1)
			if c == '{' || c == '[' {
				if depth++; depth > deepest {
					return -1
				}
				lists = lists<<1 | list
				continue
			}
			if lists&1 != list {
				return -1
			}
			lists >>= 1
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
