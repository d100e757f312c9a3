package page

import "bytes"

// members reads what stands in a field object from one bracket to the next one:
// whole members, and where the next bracket opens, the name that it is the value
// of.
func (w *walk) members(from, to int) bool {
	opening := w.body[to] == '{' || w.body[to] == '['
	at := w.space(from)
	if w.body[from-1] != '{' {
		// A value ended there.
		if at == to {
			return !opening
		}
		if w.body[at] != ',' {
			return false
		}
		at = w.space(at + 1)
	} else if at == to {
		return !opening
	}
	for {
		// A name, a colon, a value.
		if w.body[at] != '"' {
			return false
		}
		end := w.stringEnd(at+1, to)
		if at = w.space(end + 1); at >= to || w.body[at] != ':' {
			return false
		}
		switch at = w.space(at + 1); {
		case at == to:
			return opening
		case w.body[at] == '"':
			end = w.stringEnd(at+1, to)
			if !w.value(at+1, end) {
				return false
			}
			at = end + 1
		default:
			start := at
			for at < to && w.body[at] != ',' && w.body[at] != ':' && w.body[at] != '"' && neighbours[w.body[at]]&blank == 0 {
				at++
			}
			if at == start {
				return false
			}
		}
		if at = w.space(at); at == to {
			return !opening
		}
		if w.body[at] != ',' {
			return false
		}
		if at = w.space(at + 1); at == to {
			return false
		}
	}
}

// stringEnd returns the index of the quote that ends the string whose contents
// begin at start. There is one before to: the bracket there is not in a string.
func (w *walk) stringEnd(start, to int) int {
	at := start
	for {
		at += bytes.IndexByte(w.body[at:to], '"')
		if !w.escapes || !w.isEscaped(at, start) {
			return at
		}
		at++
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

// named says whether the object that opens at index at is the value of a member
// with the field's name; a colon stands before it. In JSON a quote that opens a string has no backslash before it, and one
// that does not open a string does: so the text decides, read backwards.
func (w *walk) named(at int) bool {
	end := w.before(w.before(at))
	if end < 0 || w.body[end] != '"' {
		return false
	}
	start := end - len(w.field)
	if start >= 2 && w.body[start-1] == '"' && string(w.body[start:end]) == w.field {
		return w.body[start-2] != '\\'
	}
	return w.escapes && w.namedWithEscapes(end)
}

// namedWithEscapes is named where the name, which ends at end, may be written
// with escapes. Those make it six times as long at most.
func (w *walk) namedWithEscapes(end int) bool {
	first := max(1, end-6*len(w.field)-1)
	start := end
	for start--; start > first; start-- {
		if w.body[start] == '"' && !w.isEscaped(start, 0) {
			break
		}
	}
	name := w.body[start+1 : end]
	if w.body[start] != '"' || bytes.IndexByte(name, '\\') < 0 {
		return false
	}
	name, ok := unescape(w.found.scratch[:0], name)
	w.found.scratch = name
	return ok && string(name) == w.field
}

// value takes one string of a field object. It returns false where its escapes
// are not JSON's.
func (w *walk) value(start, end int) bool {
	text := w.body[start:end]
	escaped := w.escapes && bytes.IndexByte(text, '\\') >= 0
	if escaped {
		var ok bool
		text, ok = unescape(w.found.scratch[:0], text)
		w.found.scratch = text
		if !ok {
			return false
		}
	}
	ref, ok := w.match(text)
	if !ok {
		return true
	}
	ref.Start, ref.End = start, end
	if escaped {
		ref.Origin = rawLength(w.body[start:end], ref.Origin)
		w.known = nil // it was in scratch
	}
	w.found.Refs = append(w.found.Refs, ref)
	return true
}
