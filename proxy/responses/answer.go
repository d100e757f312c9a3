package responses

import (
	"bytes"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// answer is what the header of an answer of the app says to a cache.
type answer struct {
	status      int
	directives  directives // those of a targeted field, where there is one
	silent      bool       // nothing was said of a lifetime, nor of who may have it
	expiry      []byte     // Expires
	expires     int        // how many there are
	dated       []byte     // Date; nil: none, or several
	date        time.Time
	hasDate     bool // it can be read
	age         seconds
	tag         []byte
	modified    []byte
	vary        [][]byte // names, as they came
	varyRoom    [8][]byte
	varyAll     bool // "*", or what a cache cannot know the value of
	cookies     bool
	eventStream bool
	allows      bool // one origin may read it, which the request has named perhaps
	encoding    []byte
}

// read reads a header. An answer that may be kept wants its dates read, too.
func (a *answer) read(status int, raw []byte) {
	*a = answer{status: status, directives: noDirectives(), silent: true}
	a.vary = a.varyRoom[:0]
	targeted := []string(nil)
	dates, ages := 0, 0
	for name, value := range lines(raw) {
		switch {
		case is(name, "cache-control"):
			a.directives.read(value)
		case is(name, "cdn-cache-control"):
			targeted, a.silent = append(targeted, string(value)), false
		case isTargeted(name), is(name, "pragma"):
			a.silent = false
		case is(name, "expires"):
			a.expiry = value
			a.expires++
		case is(name, "date"):
			a.dated = value
			dates++
		case is(name, "age"):
			n, ok := deltaSeconds(value)
			if a.age = n; !ok {
				a.age = most
			}
			ages++
		case is(name, "etag"):
			a.tag = value
		case is(name, "last-modified"):
			a.modified = value
		case is(name, "vary"):
			a.readVary(value)
		case is(name, "set-cookie"), is(name, "set-cookie2"):
			a.cookies = true
		case is(name, "access-control-allow-origin"):
			a.allows = string(value) != "*"
		case is(name, "content-encoding"):
			a.encoding = value
		case is(name, "content-type"):
			mediaType, _, _ := bytes.Cut(value, []byte{';'})
			a.eventStream = is(bytes.Trim(mediaType, " \t"), "text/event-stream")
		}
	}
	a.silent = a.silent && !a.directives.given && a.expires == 0
	if dates > 1 {
		a.dated = nil
	}
	if ages > 1 {
		a.age = most
	}
	if targeted != nil {
		if d := noDirectives(); d.readTargeted(targeted) {
			a.directives, a.expires = d, 0
		}
	}
}

// readDates reads Date, as lifetime and initialAge need it.
func (a *answer) readDates(now time.Time) {
	if a.dated != nil {
		a.date, a.hasDate = readDate(a.dated, now)
	}
}

// explicit says whether the app gave the answer a lifetime.
func (a *answer) explicit() bool {
	return a.directives.sMaxAge != none || a.directives.maxAge != none || a.expires > 0
}

// isTargeted finds the further fields that give lifetimes to some caches.
func isTargeted(name []byte) bool {
	const suffix = "-cache-control"
	return len(name) > len(suffix) && is(name[len(name)-len(suffix):], suffix) ||
		is(name, "surrogate-control") || is(name, "x-accel-expires")
}

// sameToAll are headers whose values are in the key already.
var sameToAll = field.NewSet("host", "x-forwarded-host", "x-forwarded-proto")

func (a *answer) readVary(list []byte) {
	for name := range field.Tokens(list) {
		switch {
		case sameToAll.Of(name):
		case string(name) == "*", !field.IsToken(name), !wire.SentAsItCame(name):
			a.varyAll = true
		default:
			a.vary = append(a.vary, name)
		}
	}
}

// lifetime is for how long the answer is fresh, counted from when the app made it (RFC
// 9111 section 4.2.1); 0 where nothing explicit was said of it. An Expires that is there
// twice, or cannot be read, has passed (section 5.3).
func (a *answer) lifetime(now time.Time) time.Duration {
	d := &a.directives
	switch {
	case d.sMaxAge != none:
		return d.sMaxAge.duration()
	case d.maxAge != none:
		return d.maxAge.duration()
	case a.expires == 1:
		date := a.date
		if !a.hasDate {
			date = now
		}
		if expires, ok := readDate(a.expiry, now); ok && expires.After(date) {
			return min(expires.Sub(date), most.duration())
		}
	}
	return 0
}

// initialAge is how old the answer was when it came (RFC 9111 section 4.2.3); asked is
// when the request for it was sent.
func (a *answer) initialAge(asked, now time.Time) time.Duration {
	age := a.age.duration() + now.Sub(asked)
	if a.hasDate {
		age = max(age, now.Sub(a.date))
	}
	return min(max(age, 0), most.duration())
}

// forEveryone says whether clients that have shown a cookie or credentials may share the
// answer with others (RFC 9111 section 3.5).
func (a *answer) forEveryone() bool {
	return a.directives.public || a.directives.sMaxAge != none
}

// neverStale says whether the answer must not be used once it is not fresh (RFC 9111
// sections 4.2.4, 5.2.2.2, 5.2.2.8 and 5.2.2.10).
func (a *answer) neverStale() bool {
	d := &a.directives
	return d.mustRevalidate || d.proxyRevalidate || d.sMaxAge != none || d.noCache
}
