package page

import "math/bits"

// stretch is how many bytes are read between two calls of Found.Between.
const stretch = 64 << 10

// chunk is how many blocks are classified before they are looked at.
const chunk = 32

// Hosts are the authorities that a request's own route URLs may have, beside the
// configured ones: the Host that the app was sent, and the one that a trusted peer
// was asked for. nil is none.
type Hosts [2][]byte

// Scan finds the route URLs of body. It returns false, and nothing found, where
// body is not JSON as far as the package comment says.
func (s *Scanner) Scan(f *Found, body []byte, hosts Hosts) bool {
	return s.ScanAt(f, body, hosts, Nowhere)
}

// ScanAt is Scan, and finds the nulls that stand at a place, too.
func (s *Scanner) ScanAt(f *Found, body []byte, hosts Hosts, place Place) bool {
	f.reset()
	w := walk{Scanner: s, found: f, body: body, accepted: hosts}
	if place != Nowhere {
		w.ns = ^uint64(0)
	}
	if w.whole() {
		if w.null {
			w.nulls(place)
		}
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
	ns       uint64 // all ones where nulls are sought: outside strings n stands in null alone
	read     int    // a field object was read up to here
	letIn    int    // from which index on Found.Between is to be called
	null     bool   // a field member was seen whose value may be null
	outlined int    // the first block whose outline is kept then

	// known is the head of a route URL, up to the id, that was accepted;
	// origin is the length of its scheme and authority.
	known  []byte
	origin int
}

// whole walks through the body, a chunk at a time.
func (w *walk) whole() bool {
	first, last := w.space(0), w.before(len(w.body))
	if first >= last || w.body[first] != '{' && w.body[first] != '[' || w.body[last] != w.body[first]+2 {
		return false
	}
	w.letIn = stretch
	var classes [chunk]masks
	for at := 0; at < len(w.body); {
		part := w.classify(&classes, at)
		if !w.blocks(part, at) {
			return false
		}
		if at += len(part) * blockSize; at >= w.letIn {
			w.between(at)
		}
	}
	return w.inString == 0
}

// between says that the body was read up to index at.
func (w *walk) between(at int) {
	w.found.between(at - w.letIn + stretch)
	w.letIn = at + stretch
}

// classify returns the masks of the blocks that begin at index at: a chunk, or as many as
// are left. The last block may be cut short; blanks make it whole.
func (w *walk) classify(classes *[chunk]masks, at int) []masks {
	rest := w.body[at:]
	if whole := min(chunk, len(rest)/blockSize); whole > 0 {
		classify(classes[:whole], rest)
		return classes[:whole]
	}
	var tail [blockSize]byte
	for i := copy(tail[:], rest); i < blockSize; i++ {
		tail[i] = ' '
	}
	classify(classes[:1], tail[:])
	return classes[:1]
}

// blocks looks at blocks that were classified, the first of which begins at base: where
// strings are, that nothing foreign stands between them, and at what was sought there.
func (w *walk) blocks(part []masks, base int) bool {
	inString, foreign := w.inString, uint64(0)
	for i := range part {
		m := &part[i]
		// Set from an opening quote to the byte before the closing one.
		in := m.parity ^ inString
		if m.backslashes|w.escaped != 0 {
			m.quotes = w.unescaped(m.quotes, m.backslashes)
			in = parity(m.quotes) ^ inString
		}
		m.parity = in
		inString = uint64(int64(in) >> 63)
		foreign |= m.foreign &^ in
		for sought := (m.objects | m.ns&w.ns) &^ in; sought != 0; sought &= sought - 1 {
			at := base + bits.TrailingZeros64(sought)
			switch before := w.body[max(at, 1)-1]; {
			case before == ',' || before == '[': // an element of an array, as most are
			case at < w.read || !w.named(at):
			case w.body[at] != '{':
				w.null = true
			case !w.field(at):
				return false
			}
		}
		base += blockSize
	}
	if w.null {
		w.outline(part, base/blockSize-len(part))
	}
	w.inString = inString
	return foreign == 0
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

// named says whether what stands at index at, outside strings, is the value of a member
// with the field's name. In JSON a quote that opens a string has no backslash before it,
// and one that does not open a string does: so the text decides, read backwards.
func (w *walk) named(at int) bool {
	colon := at - 1
	if colon >= 0 && kinds[w.body[colon]] == blank {
		colon = w.before(at)
	}
	if colon < 0 || w.body[colon] != ':' {
		return false
	}
	end := colon - 1
	if end >= 0 && kinds[w.body[end]] == blank {
		end = w.before(colon)
	}
	if end < 0 || w.body[end] != '"' {
		return false
	}
	start := end - len(w.name)
	if start >= 2 && w.body[start-1] == '"' && string(w.body[start:end]) == w.name {
		return w.body[start-2] != '\\'
	}
	return w.escapes && w.namedWithEscapes(end)
}

// kinds says of each byte what it is outside strings: white space, one that stands for
// itself, or part of a number or literal (0).
var kinds = func() (t [256]byte) {
	for _, c := range []byte(" \t\n\r") {
		t[c] = blank
	}
	for _, c := range []byte("{}[],:\"") {
		t[c] = mark
	}
	return t
}()

const (
	blank = 1 + iota
	mark
)

// byteAt returns a byte of the body, 0 behind its end.
func (w *walk) byteAt(at int) byte {
	if at < len(w.body) {
		return w.body[at]
	}
	return 0
}

// before returns the index of the last byte before at that is not white space,
// -1 where there is none.
func (w *walk) before(at int) int {
	for at--; at >= 0 && kinds[w.body[at]] == blank; at-- {
	}
	return at
}

// space returns the index of the first byte from at on that is not white space.
func (w *walk) space(at int) int {
	for at < len(w.body) && kinds[w.body[at]] == blank {
		at++
	}
	return at
}
