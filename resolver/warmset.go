// Package resolver answers which captures are warm, and at which URL, from
// memory: the warm set. A page that holds captures it does not know costs one
// database query, together with whoever else asks for the same captures; a page
// that it knows costs none.
//
// The story of a page: Resolve (resolve.go) looks each capture up in the store
// (resolver/store: ristretto). What is missing boards a flight (flight.go: one query on
// its way, shared), which goes to the pages that wait for it and into the
// store. Notifications (notifications.go) raise the marks of the captures that
// changed. What other sizes would bring is told by internal/curve (curve.go).
//
// What always holds:
//
//   - An entry is believed only if its query began after the last notification
//     about its capture, after the last moment from which notifications could have
//     been lost (a new generation), and not too long ago. This is checked when the
//     entry is read. ristretto, which does what it is told at its own time and
//     sometimes not at all, decides what is kept, never what is true.
//   - A page asks the database at most once, and waits for it no longer than
//     Config.PageTimeout. The query itself belongs to nobody: it goes on, with a
//     limit of its own, when every page that waited has left.
//   - Verdicts are by positions of labels. An entry is told only to a Reader with the very
//     labels that it was decided by (reader.go): a reload that changes them begins anew.
//   - A dead database is not asked for every page (breaker.go).
package resolver

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/internal/curve"
	"github.com/thumbedge/thumbedge/resolver/store"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Deps are the parts that the warm set works with. Database and URLs are required.
type Deps struct {
	Database Database
	URLs     URLs
	// PrivateURLs are those of private storage; nil where the proxy serves its files, or
	// where there is none.
	PrivateURLs URLs
	Log         *slog.Logger // nil: says nothing
	Metrics     *Metrics     // nil: counts for nobody
}

// WarmSet is the in-memory cache of what the database says about captures. Every
// method may be called from many goroutines, also after Close.
type WarmSet struct {
	db      Database
	urls    storageURLs
	log     *slog.Logger
	metrics *Metrics
	start   time.Time // durations of time count from here
	// privateURLs are a draft's; nil: none.
	privateURLs storageURLs

	flights flights
	breaker breaker

	inForce atomic.Pointer[Reader]

	// floor is the sequence number below which no entry is believed. It is raised
	// under flights.mu.
	floor      atomic.Uint64
	generation atomic.Uint64
	heard      atomic.Int64 // when the proxy's own notification last came back; never

	// mu is held for reading while anyone has the store in hand (a page's look-ups,
	// a flight's entries), so that it can be replaced as a whole: ristretto cannot
	// be shrunk, nor cleared beside other calls. Taken before flights.mu.
	mu       sync.RWMutex
	store    *store.Store //  nil: closed. Replaced under resizing and mu
	labels   *labels      // by which all of its entries are, replaced with it
	resizing sync.Mutex   // one replacement at a time; taken before mu

	curve *curve.Estimator
}

// never is far enough before the start for nothing to be within reach of it.
const never = -1 << 62

// New makes an empty warm set, not connected until it is told that notifications
// are heard. The caller closes it.
func New(cfg Config, deps Deps) (*WarmSet, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Database == nil || deps.URLs == nil {
		return nil, errors.New("resolver: Database and URLs are required")
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Metrics == nil {
		deps.Metrics = NewMetrics(nil)
	}
	empty, err := store.New(cfg.MaxSize)
	if err != nil {
		return nil, err
	}
	w := &WarmSet{
		db: deps.Database, log: deps.Log, metrics: deps.Metrics,
		urls: newStorageURLs(deps.URLs, cfg.Keys), privateURLs: newStorageURLs(deps.PrivateURLs, cfg.PrivateKeys),
		start: time.Now(), store: empty, curve: curve.New(cfg.MaxSize, imitated()),
	}
	w.labels = &labels{cfg.Specs}
	w.inForce.Store(&Reader{w: w, cfg: cfg, labels: w.labels})
	w.flights.shutAll()
	w.heard.Store(never)
	w.metrics.state.Store(w)
	return w, nil
}

// now is the time since the warm set was made, by the monotonic clock.
func (w *WarmSet) now() time.Duration { return time.Since(w.start) }

// Close waits for the queries on their way, which is bounded by their own limit,
// and lets the memory go. Resolve and Fresh report errors from then on.
func (w *WarmSet) Close() {
	w.flights.mu.Lock()
	w.flights.closed = true
	w.flights.mu.Unlock()
	w.flights.ended.Wait()
	w.curve.Close()
	w.resizing.Lock()
	defer w.resizing.Unlock()
	if old := w.swap(nil, w.labels); old != nil {
		old.Close(nil)
	}
}

// Forget makes the next page that holds the capture ask the database.
func (w *WarmSet) Forget(id thumb.ID) { w.change([]thumb.ID{id}, scopeOperator) }

// Clear forgets everything, at once, and lets its memory go.
func (w *WarmSet) Clear() {
	w.changeAll(scopeOperator)
	w.resizing.Lock()
	defer w.resizing.Unlock()
	if w.store == nil {
		return
	}
	_, old, err := w.rebuild(w.store.Size(), w.labels)
	if err != nil {
		w.log.Error("warm set is empty, but its memory could not be let go", "error", err)
		return
	}
	old.Close(nil)
}

// Resize changes how much the warm set may hold (cache.max_size). The new limit
// holds at once; what fits of the old entries has moved, and the memory of the
// others is let go, when Resize returns. An error changes nothing.
func (w *WarmSet) Resize(bytes int64) error {
	if err := validSize(bytes); err != nil {
		return err
	}
	w.resizing.Lock()
	defer w.resizing.Unlock()
	if w.store == nil {
		return errClosed
	}
	next, old, err := w.rebuild(bytes, w.labels)
	if err != nil {
		return err
	}
	moved, fits := 0, next.Sample(old)
	old.Close(func(id thumb.ID, e *store.Entry) {
		if !fits(id) || w.outdated(id, e) {
			return
		}
		next.Put(id, e)
		if moved++; moved%settleEvery == 0 {
			next.Settle()
		}
	})
	next.Settle()
	w.curve.Resize(bytes, w.now())
	w.log.Info("warm set resized", "max_size", bytes, "captures_moved", moved)
	return nil
}

// rebuild puts an empty store of size bytes, for entries by these labels, in the place of
// the old one, which is the caller's to close. The caller holds resizing.
func (w *WarmSet) rebuild(size int64, by *labels) (next, old *store.Store, err error) {
	if next, err = store.New(size); err != nil {
		return nil, nil, err
	}
	return next, w.swap(next, by), nil
}

// swap replaces the store. When it returns, nobody has the old one in hand. The
// caller holds resizing.
func (w *WarmSet) swap(next *store.Store, by *labels) (old *store.Store) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old = w.store
	if next != nil {
		next.Inherit(old)
	}
	w.store, w.labels = next, by
	return old
}
