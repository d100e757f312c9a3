package page

import (
	"bytes"
	"math/bits"
	"slices"
)

// outline is what the first walk found in a block, kept for a second one: of its bytes
// those that begin or end strings, and the brackets outside strings.
type outline struct{ quotes, brackets uint64 }

// outline keeps the outlines of blocks that were looked at, from the chunk with the first
// null on: most bodies have none.
func (w *walk) outline(part []masks, first int) {
	f := w.found
	if len(f.blocks) == 0 {
		blocks := (len(w.body) + blockSize - 1) / blockSize
		f.blocks, w.outlined = slices.Grow(f.blocks, blocks)[:blocks], first
	}
	for i := range part {
		m := &part[i]
		f.blocks[first+i] = outline{m.quotes, m.brackets &^ m.parity}
	}
}

// outlineHead does that for the chunks before the first null.
func (w *walk) outlineHead() {
	var classes [chunk]masks
	inString := uint64(0)
	w.escaped = 0
	for first := 0; first < w.outlined; first += chunk {
		part := w.classify(&classes, first*blockSize)
		for i := range part {
			m := &part[i]
			m.quotes = w.unescaped(m.quotes, m.backslashes)
			m.parity = parity(m.quotes) ^ inString
			inString = uint64(int64(m.parity) >> 63)
		}
		w.outline(part, first)
	}
}

// reading is the second walk through a body. It goes by the outlines of the first, and so
// steps over strings and values without a look at what they hold.
type reading struct {
	*walk
	blocks []outline
	plain  int // no backslash stands between where the walk is and here
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
	block := uint(at) / blockSize
	if block >= uint(len(r.blocks)) {
		return -1
	}
	if rest := r.blocks[block].quotes >> (uint(at) % blockSize); rest != 0 {
		return at + bits.TrailingZeros64(rest)
	}
	for block++; block < uint(len(r.blocks)); block++ {
		if quotes := r.blocks[block].quotes; quotes != 0 {
			return int(block*blockSize) + bits.TrailingZeros64(quotes)
		}
	}
	return -1
}

// escaped says whether a backslash stands between two places, where the last one is not plain.
// It looks ahead a little, so that most names need no look of their own.
func (r *reading) escaped(from, to int) bool {
	ahead := r.body[from:min(max(to, from+blockSize*chunk), len(r.body))]
	if r.plain = bytes.IndexByte(ahead, '\\'); r.plain < 0 {
		r.plain = len(ahead)
	}
	r.plain += from
	return r.plain < to
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
	first := uint(at) / blockSize
	mask := ^uint64(0) << (uint(at) % blockSize)
	for block := first; block < uint(len(r.blocks)); block++ {
		for rest := r.blocks[block].brackets & mask; rest != 0; rest &= rest - 1 {
			i := int(block*blockSize) + bits.TrailingZeros64(rest)
			c := r.body[i]
			list := uint64(c>>5&1 ^ 1)
			if c&2 != 0 { // { or [, which have this bit and their counterparts have not
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
		mask = ^uint64(0)
	}
	return -1
}
