package page

import (
	"bytes"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// usual is value for a route URL that begins as the last one did and is written as the
// app writes them, the contents of a string from start on; 0 for any other. A page has one
// authority, as a rule.
func (w *walk) usual(start int) (end int) {
	if len(w.known) == 0 || !bytes.HasPrefix(w.body[start:], w.known) {
		return 0
	}
	at := start + len(w.known)
	id, digits := w.id(at)
	if digits == 0 {
		return 0
	}
	at += digits
	for position, tail := range w.tails {
		if end := at + len(tail); end <= len(w.body) && string(w.body[at:end]) == tail {
			w.found.Refs = append(w.found.Refs, Ref{Start: start, End: end - 1, Origin: w.origin, Capture: w.found.capture(id), Position: position})
			return end - 1
		}
	}
	return 0
}

// usualField is field for an object that has the URL of each label of a capture, as the
// app writes it and the last one was; false for any other.
func (w *walk) usualField(at int) bool {
	if len(w.known) == 0 {
		return false
	}
	refs, capture, digits := w.found.Refs, 0, []byte(nil)
	for position, member := range w.members {
		if position > 0 && w.byteAt(at) != ',' {
			return false
		}
		start := w.behind(at+1, member)
		if start < 0 || !bytes.HasPrefix(w.body[start:], w.known) {
			return false
		}
		at = start + len(w.known)
		id := thumb.ID(0)
		if position == 0 {
			n := 0
			if id, n = w.id(at); n == 0 {
				return false
			}
			digits = w.body[at : at+n]
		} else if !bytes.HasPrefix(w.body[at:], digits) {
			return false
		}
		if at = w.behind(at+len(digits), w.tails[position]); at < 0 {
			return false
		}
		if position == 0 { // now it is one, whatever follows
			capture = w.found.capture(id)
		}
		refs = append(refs, Ref{Start: start, End: at - 1, Origin: w.origin, Capture: capture, Position: position})
	}
	if w.byteAt(at) != '}' {
		return false
	}
	w.found.Refs, w.read = refs, at+1
	return true
}

// behind returns the index behind a text that stands at index at; -1 where another does.
func (w *walk) behind(at int, text string) int {
	if end := at + len(text); end <= len(w.body) && string(w.body[at:end]) == text {
		return end
	}
	return -1
}

// id reads the digits of a capture's id at index at, and returns how many there are; 0
// where there is none, or it is too large to be read here.
func (w *walk) id(at int) (id thumb.ID, digits int) {
	for digit := w.byteAt(at) - '0'; digit <= 9; digit = w.byteAt(at+digits) - '0' {
		id = id*10 + thumb.ID(digit)
		digits++
	}
	if id <= 0 || digits > 18 { // it may have wrapped
		return 0, 0
	}
	return id, digits
}

// match reads text as a URL of the thumbnail route. It returns false where it is
// not one that may be rewritten.
func (w *walk) match(text []byte) (Ref, bool) {
	origin, host, scheme := splitOrigin(text)
	head := origin + len(w.route)
	if len(text) < head || string(text[origin:head]) != w.route {
		return Ref{}, false
	}
	id, position, ok := w.tail(text[head:])
	if !ok {
		return Ref{}, false
	}
	if origin > 0 && !w.accepts(host, scheme) {
		w.found.OtherHost++
		return Ref{}, false
	}
	w.known, w.origin = text[:head], origin
	return Ref{Origin: origin, Capture: w.found.capture(id), Position: position}, true
}

// tail reads what follows the route's path: an id, perhaps a slash, perhaps a
// query.
func (w *walk) tail(text []byte) (id thumb.ID, position int, ok bool) {
	digits := 0
	for digits < len(text) && text[digits]-'0' <= 9 {
		digits++
	}
	if id, ok = thumb.ParseID(text[:digits]); !ok {
		return 0, 0, false
	}
	text = text[digits:]
	if len(text) > 0 && text[0] == '/' {
		text = text[1:]
	}
	if len(text) == 0 {
		return id, 0, true
	}
	if text[0] != '?' || bytes.IndexByte(text, '#') >= 0 {
		return 0, 0, false
	}
	position = w.label(text[1:])
	if position < 0 {
		w.found.OtherLabel++
		return 0, 0, false
	}
	return id, position, true
}

// label returns the position of the label that a query names; the default's where
// it names none, -1 for one that is not configured or for several: which of them
// counts is the app's to say.
func (w *walk) label(query []byte) int {
	position, seen := 0, false
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		name, value, _ := bytes.Cut(pair, []byte("="))
		if !encodes(name, "label") {
			continue
		}
		if seen {
			return -1
		}
		seen = true
		if len(value) == 0 {
			continue
		}
		position = -1
		for i := range w.specs {
			if encodes(value, w.specs[i].Label) {
				position = i
				break
			}
		}
	}
	return position
}

// encodes says whether text, percent encoded as in a query, stands for plain.
func encodes(text []byte, plain string) bool {
	at := 0
	for i := range len(plain) {
		switch {
		case at < len(text) && text[at] == plain[i]:
			at++
		case at+2 < len(text) && text[at] == '%':
			high, ok1 := unhex(text[at+1])
			low, ok2 := unhex(text[at+2])
			if !ok1 || !ok2 || high<<4|low != plain[i] {
				return false
			}
			at += 3
		default:
			return false
		}
	}
	return at == len(text)
}

// accepts says whether a route URL may have this authority.
func (w *walk) accepts(host []byte, scheme string) bool {
	a := splitAuthority(host)
	for _, other := range w.accepted {
		if len(other) > 0 && a.same(splitAuthority(other), scheme) {
			return true
		}
	}
	for i := range w.hosts {
		if a.same(w.hosts[i], scheme) {
			return true
		}
	}
	return false
}
