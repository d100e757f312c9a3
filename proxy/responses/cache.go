// Package responses is the response cache: a shared cache as RFC 9111 has it, in memory.
// It keeps answers of the app as the app wrote them, and answers GET and HEAD out of them.
//
// A request is a visit (visit.go). Cache.Fetch looks for the entry that it selects: by the
// URL and by what the app is told of the site, then by the values of the headers that the
// app's Vary names (vary.go). Entry.use says how the request may have it. Where it may not,
// the app is asked: whether the entry still holds (validate.go), or for another answer,
// which is kept while it goes to its client (keep.go, record.go). Requests for the same
// wait for one another only where the last answer could be kept (flight.go, verdicts.go).
// Entries lie in ristretto (store.go); what another size would bring is drawn by
// internal/curve (curve.go).
//
// What headers say is read by functions without state: answer, request and directives say
// what there is, unstorable and Entry.use what follows from it.
//
// proxy uses it, for what it passes through and for pages. Pages are rewritten on each
// answer: what is kept never shows which thumbnails there were.
//
// Invariants:
//   - Nobody gets an answer that was meant for another. What the app can tell requests
//     apart by is in the key or in Vary, or it keeps the answer out of the cache.
//   - An answer is kept only where the app gave it a lifetime, or where the operator lends
//     one to pages of which the app says nothing (anonymous.go).
//   - A body that broke off is never kept.
//   - Ages are measured by the monotonic clock: a step of the wall clock makes nothing fresh,
//     and nothing that is kept stale. It counts once, when an answer comes that bears a Date
//     (answer.initialAge).
//   - An answer whose request was sent before a change is never used after it (clock.go).
//   - What is kept takes max_size at most, bodies on their way another quarter.
//   - What cannot be kept loses nothing: its requests never wait for one another.
package responses

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/curve"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// Cache keeps answers of the app. Its methods may be called from many goroutines, also
// after Close; but Fetch not beside it.
type Cache struct {
	inForce   atomic.Pointer[rules]
	pages     []string // path prefixes of pages
	store     *store
	clock     clock
	flights   flights
	verdicts  verdicts
	spare     spare
	updating  updating
	visits    sync.Pool    // *visit
	recording atomic.Int64 // bytes of bodies that are being kept, not whole yet
	curve     *curve.Estimator
	start     time.Time
	metrics   *Metrics
	ending    sync.Mutex // ristretto's Clear and Close do not tolerate each other
}

// New makes an empty cache. pages are the path prefixes of pages; connected says whether
// it would be heard at once, by DropPages, that somebody may see more or less of them (nil:
// it never would). It refuses a configuration that does not pass Validate. Whoever made
// it ends it by Close.
func New(cfg Config, pages []string, connected func() bool, metrics *Metrics) (*Cache, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if metrics == nil {
		metrics = NewMetrics(prometheus.NewRegistry())
	}
	s, err := newStore(cfg.MaxSize)
	if err != nil {
		return nil, err
	}
	c := &Cache{pages: pages, store: s, metrics: metrics, start: time.Now()}
	c.inForce.Store(newRules(cfg, connected))
	c.curve = curve.New(cfg.MaxSize, imitated())
	c.verdicts.start = c.start
	c.clock.pages = make([]atomic.Uint64, len(pages))
	c.flights.open = map[string]*flight{}
	c.visits.New = func() any { return &visit{key: make([]byte, 0, 256)} }
	c.updating.keys = map[string]struct{}{}
	metrics.cache.Store(c)
	return c, nil
}

// Close drops everything and ends ristretto's goroutines, which tolerate no Fetch beside
// it: the caller makes sure that no request is in hand. From then on nothing is kept.
func (c *Cache) Close() {
	c.ending.Lock()
	defer c.ending.Unlock()
	c.curve.Close()
	c.store.cache.Close()
}

// Page returns which of the paths of pages a path is under, plus one; 0: under none.
func (c *Cache) Page(path []byte) int {
	for i, prefix := range c.pages {
		if bytes.HasPrefix(path, []byte(prefix)) {
			return i + 1
		}
	}
	return 0
}

// Fetched is what a request is answered with: what was kept, or the app's answer, or the
// error of asking for it. Just one of the three is set.
type Fetched struct {
	Entry  *Entry
	Answer *wire.Answer // its body is kept while it goes to the client, where it may be
	Keeps  *Entry       // what Answer is kept as, once it is whole; nil: it is not
	Err    error
	// Status is what Cache-Status says (RFC 9211), Unkept why the answer is not kept.
	Status string
	Unkept Reason
	// Elsewhere: the client wants no answer but one from memory, and there is none.
	Elsewhere bool
}

// Fetch answers a GET or HEAD from memory or, in that form, from the app. page says
// whether the answer is going to be rewritten; conditions and ranges of such a request are
// the caller's, and not in the form.
func (c *Cache) Fetch(r *wire.Request, form wire.Form, page bool) Fetched {
	v := c.visits.Get().(*visit)
	*v = visit{c: c, rules: c.rules(), r: r, form: form, raw: r.Header().RawHeaders(), page: page, now: time.Now(), key: v.key[:0]}
	defer func() {
		v.r, v.raw, v.told, v.form = nil, nil, nil, wire.Form{}
		c.visits.Put(v)
	}()
	v.q.read(v.raw, r.Header().IsHead())
	if v.passes() {
		return v.pass()
	}
	if v.q.tells {
		v.told = appendTold(nil, v.raw)
	}
	if v.alike = page && v.rules.anonymous.on() && v.rules.anonymous.covers(v.raw); v.alike && v.q.cookie {
		v.q.cookie, v.form = false, withoutCookies(form)
	}
	v.key = append(r.AppendSite(v.key), r.Target()...)
	v.hash = xxhash.Sum64(v.key)
	return v.fetch()
}

// drop drops what is kept of a URL: its site, as AppendSite has it, and target.
func (c *Cache) drop(key []byte) {
	hash := xxhash.Sum64(key)
	c.clock.invalidateURL(hash)
	c.store.remove(hash, nil)
}

// DropPages drops every page that is kept.
func (c *Cache) DropPages() {
	for i := range c.pages {
		c.clock.invalidatePages(i + 1)
	}
}

// Clear drops everything.
func (c *Cache) Clear() {
	c.clock.invalidateAll()
	c.curve.ChangedAll(time.Since(c.start))
	c.ending.Lock()
	defer c.ending.Unlock()
	c.store.cache.Clear()
}
