package page

import "math/bits"

// chunk is how many blocks are classified before they are looked at.
const chunk = 32

// Hosts are the authorities that a request's own route URLs may have, beside the
// configured ones: the Host that the app was sent, and the one that a trusted peer
// was asked for. nil is none.
type Hosts [2][]byte

// Scan finds the route URLs of body. It returns false, and nothing found, where
// body is not JSON as far as the package comment says.
func (s *Scanner) Scan(f *Found, body []byte, hosts Hosts) bool {
	f.reset()
	w := walk{Scanner: s, found: f, body: body, accepted: hosts}
	if w.whole() {
		return true
	}
	f.reset()
	return false
}

// walk is one scan under way.
type walk struct {
	*Scanner
	found    *Found
	body     []byte
	accepted Hosts

	inString uint64 // all ones where the next block begins inside a string
	escaped  uint64 // 1 where the next block's first byte is escaped
	escapes  bool   // a backslash was seen

	depth int
	last  int // the last bracket
	// stack holds the open brackets; '{' of a field object has the highest bit set.
	stack [MaxDepth + 1]byte

	// known is the head of a route URL, up to the id, that was accepted;
	// origin is the length of its scheme and authority.
	known  []byte
	origin int
}

// whole walks through the body, a chunk at a time.
func (w *walk) whole() bool {
	first := w.space(0)
	if first == len(w.body) || w.body[first] != '{' && w.body[first] != '[' {
		return false
	}
	w.stack[0], w.depth, w.last = w.body[first], 1, first

	var classes [chunk]masks
	at := first + 1
	for len(w.body)-at >= blockSize {
		part := classes[:min(chunk, (len(w.body)-at)/blockSize)]
		classify(part, w.body[at:])
		if !w.strings(part) || !w.brackets(part, at) {
			return false
		}
		at += len(part) * blockSize
	}
	var tail [blockSize]byte
	for i := copy(tail[:], w.body[at:]); i < blockSize; i++ {
		tail[i] = ' '
	}
	part := classes[:1]
	classify(part, tail[:])
	return w.strings(part) && w.brackets(part, at) &&
		w.inString == 0 && w.depth == 0 && w.last == w.before(len(w.body))
}

// strings takes the brackets that are inside strings out of the masks.
func (w *walk) strings(part []masks) bool {
	inString, wrong := w.inString, uint64(0)
	for i := range part {
		m := &part[i]
		// Set from an opening quote to the byte before the closing one.
		in := m.parity ^ inString
		if m.backslashes|w.escaped != 0 {
			in = parity(w.unescaped(m.quotes, m.backslashes)) ^ inString
		}
		inString = uint64(int64(in) >> 63)
		wrong |= m.foreign&^in | m.control&in
		m.brackets &^= in
	}
	w.inString = inString
	return wrong == 0
}

// unescaped returns the quotes that no backslash stands before.
func (w *walk) unescaped(quotes, backslashes uint64) uint64 {
	w.escapes = true
	quotes &^= w.escaped
	backslashes &^= w.escaped
	w.escaped = 0
	for backslashes != 0 {
		at := backslashes & -backslashes
		quotes &^= at << 1
		backslashes &^= at | at<<1
		w.escaped = at >> 63
	}
	return quotes
}

// brackets takes those that strings left. Nothing branches on what kind each is,
// as a wrong guess would cost more than all of this.
func (w *walk) brackets(part []masks, base int) bool {
	body, depth, last := w.body, w.depth, w.last
	placed, wrong := uint32(1), byte(0)
	for i := range part {
		for set := part[i].brackets; set != 0; set &= set - 1 {
			at := base + bits.TrailingZeros64(set)
			if uint(depth-1) >= MaxDepth {
				return false
			}
			c := body[at]
			before := body[at-1]
			if neighbours[before]&blank != 0 {
				before = body[w.before(at)]
			}
			top := w.stack[depth-1]
			if top >= inField && !w.members(last+1, at) {
				return false
			}
			// '{' and '[' have bit 1 set, '{' and '}' bit 5, and each closing one is
			// its opening one plus 2.
			closing := ^c >> 1 & 1
			placed &= uint32(neighbours[before]) >> ((closing<<1 | top>>5&1) & 31)
			wrong |= -closing & (top&^inField + 2 ^ c)
			depth -= int(closing)
			if before == ':' && c == '{' && w.named(at) {
				c |= inField
			}
			w.stack[depth] = c
			depth += 1 - int(closing)
			last = at
		}
		base += blockSize
	}
	w.depth, w.last = depth, last
	return placed == 1 && wrong == 0
}

// inField marks the brackets of field objects on the stack.
const inField = 0x80

// neighbours says of each byte which brackets it may stand before, white space
// apart: bit 0 for an opening bracket in an array, bit 1 for one in an object,
// bit 2 for one that closes an array, bit 3 for one that closes an object.
var neighbours = func() (t [256]byte) {
	for c := range t {
		t[c] = 0b1100
	}
	t[','], t[':'], t['['], t['{'] = 0b0001, 0b0010, 0b0101, 0b1000
	for _, c := range []byte(" \t\r\n") {
		t[c] |= blank
	}
	return t
}()

// blank marks white space among the neighbours.
const blank = 1 << 4

// before returns the index of the last byte before at that is not white space,
// -1 where there is none.
func (w *walk) before(at int) int {
	for at--; at >= 0 && neighbours[w.body[at]]&blank != 0; at-- {
	}
	return at
}

// space returns the index of the first byte from at on that is not white space.
func (w *walk) space(at int) int {
	for ; at < len(w.body) && neighbours[w.body[at]]&blank != 0; at++ {
	}
	return at
}
