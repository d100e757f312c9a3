package page

import "bytes"

// MaxDepth is how many brackets may be open at once in a field object.
const MaxDepth = 1024

// inField marks the brackets of field objects among those that are open.
const inField = 0x80

// field reads the field object that opens at index at, with all that lies in it. It
// returns false where that is not whole: members and elements as JSON has them, every
// bracket closed by its own kind, at most MaxDepth of them open at once.
func (w *walk) field(at int) bool {
	if w.usualField(at) {
		return true
	}
	w.found.open = append(w.found.open[:0], '{'|inField)
	open := w.found.open
	first := true // nothing has come since the bracket
	for at++; len(open) > 0; {
		if at >= w.letIn {
			w.between(at)
		}
		top := open[len(open)-1]
		at = w.space(at)
		switch c := w.byteAt(at); {
		case c == top&^inField+2:
			open, first = open[:len(open)-1], false
			at++
			continue
		case first:
			first = false
		case c == ',':
			at = w.space(at + 1)
		default:
			return false
		}
		var name []byte
		if top&^inField == '{' {
			end := w.stringEnd(at)
			if end < 0 {
				return false
			}
			name = w.body[at+1 : end]
			if at = w.space(end + 1); w.byteAt(at) != ':' {
				return false
			}
			at = w.space(at + 1)
		}
		switch c := w.byteAt(at); c {
		case '"':
			var end int
			if top == '{'|inField {
				end = w.value(at)
			} else {
				end = w.stringEnd(at)
			}
			if end < 0 {
				return false
			}
			at = end + 1
		case '{', '[':
			if len(open) == MaxDepth {
				return false
			}
			if c == '{' && w.isName(name) {
				c |= inField
			}
			open, first = append(open, c), true
			w.found.open = open
			at++
		default:
			start := at
			for at < len(w.body) && kinds[w.body[at]] == 0 {
				at++
			}
			if at == start {
				return false
			}
		}
	}
	w.read = at
	return true
}

// value takes the string of a field object whose quote is at index open, and returns the
// index of the quote that ends it; -1 where it does not end, or not as JSON has it.
func (w *walk) value(open int) (end int) {
	if end := w.usual(open + 1); end > 0 {
		return end
	}
	if end = w.stringEnd(open); end < 0 {
		return -1
	}
	start := open + 1
	text := w.body[start:end]
	escaped := bytes.IndexByte(text, '\\') >= 0
	if escaped {
		var ok bool
		text, ok = unescape(w.found.scratch[:0], text)
		w.found.scratch = text
		if !ok {
			return -1
		}
	}
	ref, ok := w.match(text)
	if !ok {
		return end
	}
	ref.Start, ref.End = start, end
	if escaped {
		ref.Origin = rawLength(w.body[start:end], ref.Origin)
		w.known = nil // it was in scratch
	}
	w.found.Refs = append(w.found.Refs, ref)
	return end
}

// stringEnd returns the index of the quote that ends the string whose own is at index
// open; -1 where there is none.
func (w *walk) stringEnd(open int) int {
	if w.byteAt(open) != '"' {
		return -1
	}
	for at := open + 1; ; at++ {
		length := bytes.IndexByte(w.body[at:], '"')
		if length < 0 {
			return -1
		}
		if at += length; !w.isEscaped(at, open+1) {
			return at
		}
	}
}

// isEscaped says whether the byte at index at is, in a string from start on.
func (w *walk) isEscaped(at, start int) bool {
	run := at
	for run > start && w.body[run-1] == '\\' {
		run--
	}
	return (at-run)%2 == 1
}

// isName says whether a name is the field's.
func (w *walk) isName(name []byte) bool {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name) == w.name
	}
	name, ok := unescape(w.found.scratch[:0], name)
	w.found.scratch = name
	return ok && string(name) == w.name
}

// namedWithEscapes is named where the name, which ends at end, may be written
// with escapes. Those make it six times as long at most.
func (w *walk) namedWithEscapes(end int) bool {
	first := max(1, end-6*len(w.name)-1)
	if bytes.IndexByte(w.body[min(first, end):end], '\\') < 0 {
		return false
	}
	start := end
	for start--; start > first; start-- {
		if w.body[start] == '"' && !w.isEscaped(start, 0) {
			break
		}
	}
	name := w.body[start+1 : end]
	return w.body[start] == '"' && bytes.IndexByte(name, '\\') >= 0 && w.isName(name)
}
