package responses

import (
	"bytes"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Entry is an answer that is kept. It is never changed, but that something made of its body
// may be attached: what validates it makes another one, over the same body. It belongs to whoever has it in hand, also when the cache has
// dropped it meanwhile.
type Entry struct {
	kept      wire.Kept
	key       string
	hash      uint64 // of the key
	id        uint64 // see identify
	selectors selectors
	told      string // see appendTold
	target    uint64 // the hash of its target, on whichever site
	began     uint64 // the clock's when the request for it was sent
	page      int    // which of the paths of pages it is under, plus one; 0: none

	received     time.Time
	initialAge   time.Duration
	life         time.Duration
	staleWhile   time.Duration
	staleIfError time.Duration
	forEveryone  bool
	anonymous    bool // the app said nothing of it, see anonymous
	noCache      bool
	coding       uint8
	tag          []byte
	modified     []byte
	made         atomic.Pointer[made] // beside its body, see Attach
}

// overhead is what an entry takes beside its bytes: itself, ristretto's part, and what
// Go's allocator rounds up. It also bounds how many entries there are.
const overhead = 1 << 10

// newEntry makes the entry of an answer without its body; asked and received are when its
// request was sent and when its head came.
func newEntry(key []byte, page int, a *answer, q []byte, alike bool, h *wire.Header, asked, received time.Time) *Entry {
	e := &Entry{
		key: string(key), hash: xxhash.Sum64(key), page: page, selectors: selectorsOf(a, q, alike),
		received: received, initialAge: a.initialAge(asked, received), life: a.lifetime(received),
		forEveryone: a.forEveryone(), noCache: a.directives.noCache, coding: codingOf(a.encoding),
	}
	if !a.neverStale() {
		e.staleWhile, e.staleIfError = max(a.directives.staleWhile, 0).duration(), max(a.directives.staleIfError, 0).duration()
	} else {
		e.staleWhile, e.staleIfError = none.duration(), none.duration()
	}
	e.kept.Status, e.kept.Reason = a.status, bytes.Clone(h.Reason())
	e.keepLines(h.Raw(), a, received)
	return e
}

func (s seconds) duration() time.Duration { return time.Duration(s) * time.Second }

// notKept are headers that hold for one answer only, or that are written anew (RFC 9111
// section 3.1).
var notKept = field.NewSet("age", "content-length", "trailer", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
	"x-request-id")

// keepLines keeps the lines that go with the entry, and finds its validators in them.
func (e *Entry) keepLines(raw []byte, a *answer, received time.Time) {
	kept := make([]byte, 0, len(raw)+64)
	for name, value := range lines(raw) {
		if notKept.Of(name) || a.directives.withholds(name) || is(name, "date") && !a.hasDate {
			continue
		}
		kept = append(append(append(append(kept, name...), ": "...), value...), "\r\n"...)
	}
	if !a.hasDate { // RFC 9110 section 6.6.1
		kept = append(append(append(kept, "Date: "...), received.UTC().Format(formPreferred)...), "\r\n"...)
	}
	e.kept.Lines = kept
	e.findValidators()
}

func (e *Entry) findValidators() {
	for name, value := range lines(e.kept.Lines) {
		switch {
		case is(name, "etag"):
			e.tag = value
		case is(name, "last-modified"):
			e.modified = value
		}
	}
}

// withholds says whether no-cache="…" keeps a header from being kept.
func (d *directives) withholds(name []byte) bool {
	for _, field := range d.noCacheFields {
		if bytes.EqualFold(field, name) {
			return true
		}
	}
	return false
}

// finish gives the entry its body.
func (e *Entry) finish(body []byte) {
	e.kept.Body = body
	e.identify()
	if e.kept.Status == 204 {
		return
	}
	e.kept.Lines = append(e.kept.Lines, "Content-Length: "...)
	e.kept.Lines = append(strconv.AppendInt(e.kept.Lines, int64(len(body)), 10), "\r\n"...)
	e.kept.Lines = bytes.Clone(e.kept.Lines)
	e.findValidators() // they lie in the lines
}

// cost is what the entry takes, in bytes, with what was made of it.
func (e *Entry) cost() int64 { return e.costWith(e.made.Load()) }

func (e *Entry) costWith(m *made) int64 {
	size := int64(unsafe.Sizeof(*e)) + overhead
	for _, n := range [...]int{cap(e.kept.Body), cap(e.kept.Lines), len(e.key), len(e.told), len(e.kept.Reason)} {
		size += int64(n)
	}
	for i := range e.selectors.names {
		size += int64(len(e.selectors.names[i])+len(e.selectors.values[i])) + 32
	}
	if m != nil {
		size += m.weight
	}
	return size
}

// Kept is what is sent.
func (e *Entry) Kept() wire.Kept { return e.kept }

// Tag and Modified are its validators, as ETag and Last-Modified have them; nil: none.
func (e *Entry) Tag() []byte      { return e.tag }
func (e *Entry) Modified() []byte { return e.modified }

// Date is when the app made the answer, as Date has it.
func (e *Entry) Date() []byte {
	for name, value := range lines(e.kept.Lines) {
		if is(name, "date") {
			return value
		}
	}
	return nil
}

// Age is how old the entry is (RFC 9111 section 4.2.3).
func (e *Entry) Age(now time.Time) time.Duration {
	return e.initialAge + max(now.Sub(e.received), 0)
}

// AppendAge appends the Age line.
func (e *Entry) AppendAge(dst []byte, now time.Time) []byte {
	dst = append(dst, "Age: "...)
	return append(strconv.AppendInt(dst, int64(min(e.Age(now)/time.Second, time.Duration(most))), 10), "\r\n"...)
}

// left is for how long the entry is still fresh; negative: it is stale.
func (e *Entry) left(now time.Time) time.Duration { return e.life - e.Age(now) }

// use is how a request may have an entry.
type use uint8

const (
	useValidated   use = iota // only when the app says that it still holds
	useFresh                  //
	useStale                  // the client says that stale is well
	useWhileUpdate            // while another is asked for (stale-while-revalidate)
)

// use says how a request that selects the entry may have it (RFC 9111 section 4).
func (e *Entry) use(q *request, now time.Time) use {
	d, age, left := &q.directives, e.Age(now), e.left(now)
	switch {
	case e.noCache, d.noCache, d.broken,
		d.maxAge != none && age > d.maxAge.duration(),
		d.minFresh != none && left < d.minFresh.duration():
		return useValidated
	case left > 0:
		return useFresh
	case d.maxStale != none && e.staleWhile >= 0 && -left <= d.maxStale.duration():
		return useStale
	case e.staleWhile > 0 && -left <= e.staleWhile && d.maxAge == none:
		return useWhileUpdate
	}
	return useValidated
}

// standsIn says whether the entry may be used although the app has failed (RFC 5861
// section 4).
func (e *Entry) standsIn(q *request, now time.Time) bool {
	return e.staleIfError > 0 && -e.left(now) <= e.staleIfError && !q.directives.noCache && !e.noCache
}
