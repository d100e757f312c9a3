package responses

import (
	"bytes"
	"slices"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// notUpdated are headers that describe the bytes of the body that is kept: a 304 does not
// change them (RFC 9111 section 3.2).
var notUpdated = field.NewSet("content-encoding", "content-length", "content-md5", "content-range", "content-digest", "repr-digest", "digest", "etag")

// updated returns the entry as a 304 that came for it leaves it (RFC 9111 sections 3.2 and
// 4.3.4). False: the 304 is not of this entry, or says that it must not be kept as it is;
// the app is then asked again.
func (e *Entry) updated(q *request, raw []byte, alike bool, h *wire.Header, asked, received time.Time) (*Entry, bool) {
	for name, value := range lines(h.Raw()) {
		if is(name, "etag") && !sameTag(value, e.tag) || is(name, "last-modified") && len(e.tag) == 0 && !bytes.Equal(value, e.modified) {
			return nil, false
		}
	}
	merged := e.merge(h.Raw())
	var a answer
	a.read(e.kept.Status, merged)
	a.age = ageOf(h.Raw())
	reason := unstorable(q, &a, asked, received)
	if e.anonymous && reason == reasonNoLifetime && a.silent {
		reason = ""
	}
	if reason != "" && reason != reasonNoUse || !slices.EqualFunc(a.vary, e.selectors.varied(&a), is) {
		return nil, false
	}
	next := newEntry([]byte(e.key), e.page, &a, raw, alike, h, asked, received)
	if e.anonymous {
		next.anonymous, next.life, next.staleIfError = true, e.life, e.staleIfError
		next.initialAge = received.Sub(asked)
	}
	next.kept.Status, next.kept.Reason, next.kept.Body = e.kept.Status, e.kept.Reason, e.kept.Body
	next.keepLines(merged, &a, received)
	if i := contentLength(e.kept.Lines); i != nil {
		next.kept.Lines = slices.Concat(next.kept.Lines, i)
	}
	next.findValidators()
	next.made.Store(e.made.Load()) // the body is the same
	return next, true
}

// merge returns the entry's lines with those of a 304 in place of its own of these names.
func (e *Entry) merge(raw []byte) []byte {
	var merged []byte
	for name, value := range lines(e.kept.Lines) {
		if notUpdated.Of(name) || !has(raw, name) {
			merged = append(append(append(append(merged, name...), ": "...), value...), "\r\n"...)
		}
	}
	for name, value := range lines(raw) {
		if !notUpdated.Of(name) {
			merged = append(append(append(append(merged, name...), ": "...), value...), "\r\n"...)
		}
	}
	return merged
}

func has(raw, wanted []byte) bool {
	for name := range lines(raw) {
		if bytes.EqualFold(name, wanted) {
			return true
		}
	}
	return false
}

// ageOf reads Age; of one that cannot be read the answer is as old as can be.
func ageOf(raw []byte) seconds {
	age, n := seconds(0), 0
	for name, value := range lines(raw) {
		if !is(name, "age") {
			continue
		}
		var ok bool
		if age, ok = deltaSeconds(value); !ok || n > 0 {
			return most
		}
		n++
	}
	return age
}

// contentLength returns the Content-Length line.
func contentLength(raw []byte) []byte {
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, '\n') + 1
		if name, _, _ := bytes.Cut(raw[:end], []byte{':'}); is(name, "content-length") {
			return raw[:end]
		}
		raw = raw[end:]
	}
	return nil
}

// sameTag compares entity tags weakly (RFC 9110 section 8.8.3.2).
func sameTag(a, b []byte) bool {
	weak := []byte("W/")
	return bytes.Equal(bytes.TrimPrefix(a, weak), bytes.TrimPrefix(b, weak))
}
