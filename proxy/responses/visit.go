package responses

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// visit is one request's way through the cache.
type visit struct {
	c     *Cache
	r     *wire.Request
	form  wire.Form
	raw   []byte // the request's header
	q     request
	page  bool // see Fetch
	now   time.Time
	key   []byte
	hash  uint64
	began uint64 // what the clock showed when the app was asked
	asked time.Time
	lead  *flight // to be landed; nil: none
	aside bool    // what is kept is not for this request
	alike bool    // the request shows nothing of who made it, see anonymous
	said  answer  // of the app's answer in hand
	match [128]byte
}

// passes says whether the request goes to the app, and its answer to this client only,
// whatever they say of caching.
func (v *visit) passes() bool {
	q := &v.q
	return q.overrides || q.condition == ifSame || q.directives.noStore || v.r.HasBody() || v.r.Names() || v.r.Streams()
}

func (v *visit) pass() Fetched {
	v.c.metrics.passed.add(1)
	a, err := v.r.Ask(v.form)
	return Fetched{Answer: a, Err: err, Status: "fwd=bypass"}
}

func (v *visit) fetch() Fetched {
	defer func() { v.land(nil) }()
	e, others := v.find()
	if e != nil {
		switch e.use(&v.q, v.now) {
		case useFresh:
			return v.hit(e, &v.c.metrics.hits, "hit")
		case useStale:
			return v.hit(e, &v.c.metrics.stale, "hit")
		case useWhileUpdate:
			if v.q.head {
				break
			}
			v.updateLater(e)
			return v.hit(e, &v.c.metrics.stale, "hit")
		}
	}
	if v.q.directives.onlyIfCached {
		return Fetched{Elsewhere: true, Status: "fwd=miss"}
	}
	why := v.why(e, others)
	if v.q.ranged && !v.page || v.q.head {
		return v.askOnly(e, why)
	}
	if joined := v.join(e); joined != nil {
		return v.hit(joined, &v.c.metrics.collapsed, "hit; collapsed")
	}
	return v.ask(e, why)
}

// why says why the request goes on to the app, as RFC 9211 has it.
func (v *visit) why(e *Entry, others bool) string {
	switch {
	case v.aside:
		return "fwd=bypass"
	case e == nil && others:
		return "fwd=vary-miss"
	case e == nil:
		return "fwd=uri-miss"
	case e.left(v.now) > 0:
		return "fwd=request"
	}
	return "fwd=stale"
}

// find returns the entry that the request selects, if it may have it; others says that
// there are such as it does not select.
func (v *visit) find() (found *Entry, others bool) {
	held := v.c.store.find(v.hash, v.key)
	if held == nil {
		return nil, false
	}
	for _, e := range held.entries {
		if !v.c.holds(v.hash, e) || e.anonymous && !v.alike || !v.selects(e) || !v.decodes(e) {
			continue
		}
		if !v.mayHave(e) {
			v.aside = true
			return nil, true
		}
		return e, true
	}
	return nil, true
}

// selects says whether the entry is the one for this request among those of its URL.
func (v *visit) selects(e *Entry) bool { return e.selectors.match(v.raw, v.match[:0], v.alike) }

// known is what the verdict on the URL goes by: what is kept for requests that show nothing
// says nothing of others.
func (v *visit) known() uint64 {
	if v.alike {
		return ^v.hash
	}
	return v.hash
}

// decodes says whether the client accepts the coding of an entry whose app did not say
// that it depends on that. Codings that are not known here are the app's to answer for.
func (v *visit) decodes(e *Entry) bool {
	if e.coding == 0 || v.page {
		return true
	}
	accepted := acceptedBy(v.raw)
	return accepted&(e.coding|codingAny|codingAbsent) != 0
}

// mayHave says whether a client that shows who it is may have an entry.
func (v *visit) mayHave(e *Entry) bool {
	return e.forEveryone || !v.q.cookie && !v.q.authorization
}

func (v *visit) hit(e *Entry, counted *counter, status string) Fetched {
	counted.add(1)
	v.c.metrics.saved.add(int64(len(e.kept.Body)))
	if v.r.ShowsCache() {
		status += ttl(e.left(v.now))
	}
	return Fetched{Entry: e, Status: status}
}

// askOnly asks the app for what is not kept: a part, or a head. A head that says otherwise
// than what is kept shows that this is out of date (RFC 9111 section 4.3.5).
func (v *visit) askOnly(e *Entry, why string) Fetched {
	v.c.metrics.misses.add(1)
	a, err := v.r.Ask(v.form)
	if err == nil && e != nil && v.q.head && v.q.condition == noCondition && a.Header.StatusCode() == http.StatusOK && !e.describedBy(&a.Header) {
		v.c.store.remove(v.hash, e)
	}
	return Fetched{Answer: a, Err: err, Status: why}
}

// describedBy says whether the head of another answer could be this entry's.
func (e *Entry) describedBy(h *wire.Header) bool {
	length := h.Peek("Content-Length")
	kept := contentLength(e.kept.Lines)
	return (len(length) == 0 || bytes.Contains(kept, append([]byte(": "), append(length, '\r')...))) &&
		bytes.Equal(h.Peek("ETag"), e.tag) && bytes.Equal(h.Peek("Last-Modified"), e.modified)
}

// ask asks the app: for another answer, or whether e still holds.
func (v *visit) ask(e *Entry, why string) Fetched {
	v.c.metrics.misses.add(1)
	form, validating := v.form, false
	if e != nil && v.mayValidate(e) {
		form, validating = withValidators(v.form, e), true
	}
	a, err := v.askApp(form)
	if (err != nil || failed(a)) && e != nil && e.standsIn(&v.q, time.Now()) && (!e.anonymous || v.c.anonymous.on()) && v.c.holds(v.hash, e) {
		if err == nil {
			a.Close()
		}
		return v.hit(e, &v.c.metrics.stale, why)
	}
	if err == nil && validating && a.Header.StatusCode() == http.StatusNotModified {
		if next := v.validated(e, a); next != nil {
			return v.hit(next, &v.c.metrics.validated, why+"; fwd-status=304")
		}
		a, err = v.askApp(v.form)
	}
	if err != nil {
		return Fetched{Err: err, Status: why}
	}
	unkept := v.keep(a)
	if unkept == "" {
		why += "; stored"
	}
	return Fetched{Answer: a, Status: why, Unkept: unkept}
}

// askApp asks the app, and takes note of when.
func (v *visit) askApp(form wire.Form) (*wire.Answer, error) {
	v.began, v.asked = v.c.clock.shows.Load(), time.Now()
	return v.r.Ask(form)
}

// failed says whether an answer stands for a failure of the app (RFC 5861 section 4).
func failed(a *wire.Answer) bool {
	switch a.Header.StatusCode() {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

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
	next.began, next.target = v.began, e.target
	if !v.c.holds(v.hash, next) {
		return nil
	}
	v.c.store.add(v.hash, next, func(o *Entry) bool { return o == e || v.selects(o) })
	v.c.verdicts.note(v.known(), next.verdict(), v.now)
	v.land(next)
	return next
}

func (e *Entry) verdict() verdict {
	if e.forEveryone {
		return verdictForEveryone
	}
	return verdictStorable
}

// keep has the answer kept while it goes to the client, or says why it is not.
func (v *visit) keep(a *wire.Answer) Reason {
	received := time.Now()
	said := &v.said
	said.read(a.Header.StatusCode(), a.Header.Raw())
	reason := unstorable(&v.q, said, v.asked, received)
	nameless := v.alike && reason == reasonNoLifetime && v.c.anonymous.on() && v.c.anonymous.keeps(said)
	if nameless {
		reason = ""
		said.readDates(received)
	}
	if reason == "" && int64(a.Length()) > v.c.cfg.MaxObject {
		reason = reasonLarge
	}
	if reason != "" {
		v.c.metrics.unstorable[reason].Inc()
		if reason != reasonAuthorization && reason != reasonCookie && said.status != http.StatusNotModified {
			v.c.verdicts.note(v.known(), verdictUnstorable, v.now)
		}
		return reason
	}
	e := newEntry(v.key, v.c.Page(v.r.Path()), said, v.raw, v.alike, &a.Header, v.asked, received)
	e.began, e.target = v.began, xxhash.Sum64(v.r.Target())
	if nameless {
		v.c.anonymous.keep(e, v.asked)
	}
	v.c.verdicts.note(v.known(), e.verdict(), v.now)
	a.Watch(newRecording(v, e, a.Length()))
	return ""
}

// flightKey keeps requests that show nothing apart from others.
func (v *visit) flightKey() []byte {
	if v.alike {
		return append(v.key, '\n')
	}
	return v.key
}

// land ends the flight that others wait for, if the request leads one.
func (v *visit) land(e *Entry) {
	if v.lead != nil {
		v.c.flights.land(string(v.flightKey()), v.lead, e)
		v.lead = nil
	}
}

// join waits for the answer to the same request of another client, where it is likely to
// be kept, and returns it. Where there is none, the request leads.
func (v *visit) join(e *Entry) *Entry {
	last := v.c.verdicts.of(v.known(), v.now)
	shows := v.q.cookie || v.q.authorization
	if v.aside || last < verdictStorable && !(v.alike && last == verdictNone) || shows && last != verdictForEveryone ||
		v.q.directives.noCache || v.q.directives.maxAge != none || v.q.directives.minFresh != none || v.q.condition != noCondition && !v.page && e == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flightWait)
	defer cancel()
	for {
		fl, leads := v.c.flights.board(v.flightKey())
		if leads {
			v.lead = fl
			return nil
		}
		got := fl.await(func(done <-chan struct{}) bool { return v.r.Wait(ctx, done) })
		if got == nil {
			return nil
		}
		if v.now = time.Now(); v.c.holds(v.hash, got) && v.selects(got) {
			if got.anonymous && !v.alike || !v.decodes(got) || !v.mayHave(got) || got.use(&v.q, v.now) == useValidated {
				return nil
			}
			return got
		}
		// It is another variant, or out of date: the next one may be this request's.
	}
}
