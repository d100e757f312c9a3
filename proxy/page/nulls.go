package page

import (
	"cmp"
	"slices"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Place says where in a page captures stand whose null may be filled in. Other objects that
// look like captures may be anything that somebody once wrote.
type Place uint8

// The places.
const (
	Nowhere  Place = iota
	Captures       // the root, and in it results[]: the list of captures, or one of them
	Events         // results[].example_captures[]
	Event          // first_capture
)

// Null is a null to fill in: the value of a capture's field member.
type Null struct {
	Start   int // in the body
	Capture int // index of its capture in Found.IDs
	id      thumb.ID
}

// level is an object on the way to the captures of a place.
type level struct {
	capture bool   // it is one
	member  string // the one that leads on; "": none does
	list    bool   // its value is a list of what is inside, else that itself
	inside  *level
}

var (
	capture = &level{capture: true}
	levels  = map[Place]*level{
		Captures: {capture: true, member: "results", list: true, inside: capture},
		Events:   {member: "results", list: true, inside: &level{member: "example_captures", list: true, inside: capture}},
		Event:    {member: "first_capture", inside: capture},
	}
)

// nulls finds the nulls of a place in a body that was scanned. Where a member on the way
// is there twice, or written with escapes, or the way is not as JSON has it, it is nobody's
// word what the page shows, and there are none. A capture with two ids, or whose id is
// anything but a plain integer, has none either.
func (w *walk) nulls(place Place) {
	f := w.found
	at := w.space(0)
	if w.byteAt(at) == '{' {
		w.outlineHead()
		w.letIn = stretch
		r := reading{walk: w, blocks: f.blocks}
		if !w.escapes {
			r.plain = len(w.body)
		}
		at = r.object(at, levels[place])
	}
	if at < 0 || w.space(at) != len(w.body) {
		f.Nulls = f.Nulls[:0]
		return
	}
	slices.SortFunc(f.Nulls, func(a, b Null) int { return cmp.Compare(a.Start, b.Start) })
	for i := range f.Nulls {
		f.Nulls[i].Capture = f.capture(f.Nulls[i].id)
		if i%1024 == 1023 {
			f.between(1024 * rehashWork)
		}
	}
}

// object reads the object that opens at index at, and returns the index behind it; -1
// where there is no telling what it says.
func (r *reading) object(at int, l *level) (end int) {
	var id thumb.ID
	var ids, fields, ways, null int
	for first := true; ; first = false {
		if at >= r.letIn {
			r.between(at)
		}
		at = r.past(at+1, '"')
		switch c := r.byteAt(at); {
		case c == '"':
		case first && c == '}':
			return at + 1
		default:
			return -1
		}
		quote := r.quote(at + 1)
		if quote < 0 {
			return -1
		}
		name := r.body[at+1 : quote]
		if quote > r.plain && r.escaped(at, quote) {
			return -1 // it may be any of those that are looked for
		}
		if at = r.past(quote+1, ':'); r.byteAt(at) != ':' {
			return -1
		}
		if at++; r.byteAt(at) <= ' ' {
			at = r.space(at)
		}
		start := at
		switch {
		case l.member != "" && string(name) == l.member:
			if ways++; ways > 1 {
				return -1
			}
			at = r.inside(at, l)
		case l.capture && string(name) == "id":
			ids++
			at = r.skip(at)
			id = integer(r.body[start:max(at, start)])
		case l.capture && string(name) == r.name:
			fields++
			if at = r.skip(at); at == start+4 && string(r.body[start:at]) == "null" {
				null = start
			}
		default:
			at = r.skip(at)
		}
		if at < 0 {
			return -1
		}
		if at = r.past(at, ','); r.byteAt(at) != ',' {
			break
		}
	}
	if r.byteAt(at) != '}' {
		return -1
	}
	if null > 0 && fields == 1 && ids == 1 && id > 0 {
		r.found.Nulls = append(r.found.Nulls, Null{Start: null, id: id})
	}
	return at + 1
}

// inside reads the value that leads on, and returns the index behind it, or -1.
func (r *reading) inside(at int, l *level) (end int) {
	switch {
	case !l.list && r.byteAt(at) == '{':
		return r.object(at, l.inside)
	case !l.list || r.byteAt(at) != '[':
		return r.skip(at)
	}
	for first := true; ; first = false {
		at = r.space(at + 1)
		switch c := r.byteAt(at); {
		case first && c == ']':
			return at + 1
		case c == '{':
			at = r.object(at, l.inside)
		default:
			at = r.skip(at)
		}
		if at < 0 {
			return -1
		}
		switch at = r.space(at); r.byteAt(at) {
		case ',':
		case ']':
			return at + 1
		default:
			return -1
		}
	}
}

// integer reads a capture's id as JSON has an integer; 0 for anything else.
func integer(text []byte) thumb.ID {
	if len(text) == 0 || text[0] == '0' {
		return 0
	}
	id, ok := thumb.ParseID(text)
	if !ok {
		return 0
	}
	return id
}
