package responses

import (
	"bytes"
	"slices"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// mayValidate says whether the app is asked whether e still holds, in place of the
// client's own conditions. Those of a client that has something else go on to the app.
func (v *visit) mayValidate(e *Entry) bool {
	if len(e.tag) == 0 && len(e.modified) == 0 {
		return false
	}
	if v.page || v.q.condition == noCondition || len(v.q.tags) == 0 {
		return true
	}
	return len(e.tag) > 0 && slices.ContainsFunc(v.q.tags, func(list []byte) bool { return bytes.Contains(list, e.tag) })
}

// withValidators puts the entry's validators into a form, in place of the client's
// conditions (RFC 9111 section 4.3.1).
func withValidators(form wire.Form, e *Entry) wire.Form {
	form = withoutConditions(form)
	added := bytes.Clone(form.Lines)
	if len(e.tag) > 0 {
		added = append(append(append(added, "If-None-Match: "...), e.tag...), "\r\n"...)
	}
	if len(e.modified) > 0 {
		added = append(append(append(added, "If-Modified-Since: "...), e.modified...), "\r\n"...)
	}
	return wire.Form{Without: form.Without, Lines: added}
}

// withoutConditions takes the client's own conditions out of a form, and its range.
func withoutConditions(form wire.Form) wire.Form {
	return without(form, "if-none-match", "if-modified-since", "if-range", "range")
}

// without takes headers out of a form.
func without(form wire.Form, names ...string) wire.Form {
	set := new(field.Set)
	if form.Without != nil {
		*set = *form.Without
	}
	for _, name := range names {
		set[len(name)] = slices.Clip(set[len(name)])
		set.Put(name, true)
	}
	return wire.Form{Without: set, Lines: form.Lines}
}

// validated keeps what a 304 has made of e, and returns it; nil: it says nothing of e, or
// e has gone meanwhile. The answer is ended.
func (v *visit) validated(e *Entry, a *wire.Answer) *Entry {
	defer a.Close()
	next, ok := e.updated(&v.q, v.raw, v.alike, &a.Header, v.asked, time.Now())
	if !ok || !v.c.holds(v.hash, e) {
		v.c.store.remove(v.hash, e)
		return nil
	}
	// What the app says now holds from now on.
	next.began, next.target, next.told = v.began, e.target, e.told
	next.identify()
	if !v.c.holds(v.hash, next) {
		return nil
	}
	v.c.store.add(v.hash, next, func(o *Entry) bool { return o == e || v.selects(o) })
	v.c.verdicts.note(v.known(), next.verdict(), v.now)
	v.land(next, false)
	return next
}

// describedBy says whether the head of another answer could be this entry's.
func (e *Entry) describedBy(h *wire.Header) bool {
	length := h.Peek("Content-Length")
	kept := contentLength(e.kept.Lines)
	return (len(length) == 0 || bytes.Contains(kept, append([]byte(": "), append(length, '\r')...))) &&
		bytes.Equal(h.Peek("ETag"), e.tag) && bytes.Equal(h.Peek("Last-Modified"), e.modified)
}
