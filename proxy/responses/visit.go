package responses

import (
	"net/http"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
)

// visit is one request's way through the cache.
type visit struct {
	c     *Cache
	rules *rules
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
	told  []byte  // see appendTold
	later bool    // no client waits for the answer
	gone  bool    // what was kept for the request holds no longer
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
	defer func() { v.land(nil, false) }()
	e, others := v.find()
	if e != nil {
		v.gone = e.left(v.now) > 0 // but this client may not have it
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
		if !v.c.holds(v.hash, e) {
			v.gone = true
			continue
		}
		if e.anonymous && !v.alike || !v.selects(e) || !v.decodes(e) {
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
func (v *visit) selects(e *Entry) bool {
	return e.told == string(v.told) && e.selectors.match(v.raw, v.match[:0], v.alike)
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
	if v.counts() && v.asked.IsZero() { // else the app was asked
		v.c.tell(e, true, false, v.now)
	}
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

// ask asks the app: for another answer, or whether e still holds.
func (v *visit) ask(e *Entry, why string) Fetched {
	form, validating := v.form, false
	if e != nil && v.mayValidate(e) {
		form, validating = withValidators(v.form, e), true
	}
	a, err := v.askApp(form)
	if (err != nil || failed(a)) && e != nil && v.standsIn(e) && v.c.holds(v.hash, e) {
		if err == nil {
			a.Close()
		}
		v.land(e, true)
		return v.hit(e, &v.c.metrics.stale, why)
	}
	if err == nil && validating && a.Header.StatusCode() == http.StatusNotModified {
		if next := v.validated(e, a); next != nil {
			if v.counts() {
				v.c.tell(next, false, true, v.now)
			}
			return v.hit(next, &v.c.metrics.validated, why+"; fwd-status=304")
		}
		a, err = v.askApp(v.form)
	}
	v.c.metrics.misses.add(1)
	if err != nil {
		v.land(nil, true)
		return Fetched{Err: err, Status: why}
	}
	keeps, unkept := v.keep(a)
	if unkept == "" {
		why += "; stored"
	}
	return Fetched{Answer: a, Keeps: keeps, Status: why, Unkept: unkept}
}

// askApp asks the app, and takes note of when.
func (v *visit) askApp(form wire.Form) (*wire.Answer, error) {
	v.began, v.asked = v.c.clock.shows.Load(), time.Now()
	return v.r.Ask(form)
}

// standsIn says whether the request may have an entry although the app has failed.
func (v *visit) standsIn(e *Entry) bool {
	return e.standsIn(&v.q, time.Now()) && (!e.anonymous || v.rules.anonymous.on())
}

// failed says whether an answer stands for a failure of the app (RFC 5861 section 4).
func failed(a *wire.Answer) bool {
	switch a.Header.StatusCode() {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
