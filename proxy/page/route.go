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
	first, id := at, thumb.ID(0)
	for digit := w.byteAt(at) - '0'; digit <= 9; digit = w.byteAt(at) - '0' {
		id = id*10 + thumb.ID(digit)
		at++
	}
	if id <= 0 || at-first > 18 { // it may have wrapped
		return 0
	}
	for position, tail := range w.tails {
		if end := at + len(tail); end <= len(w.body) && string(w.body[at:end]) == tail {
			w.found.Refs = append(w.found.Refs, Ref{Start: start, End: end - 1, Origin: w.origin, Capture: w.found.capture(id), Position: position})
			return end - 1
		}
	}
	return 0
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
