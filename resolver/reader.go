package resolver

import (
	"context"
	"errors"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Reader is the warm set as one configuration has it: what it tells of a capture is by the
// positions of that configuration's labels, for as long as anybody asks it. Its methods may
// be called from many goroutines, also when another configuration is in force. Then it
// finds nothing in memory, and asks the database each time; what that told is told to it
// alone, and not kept.
type Reader struct {
	w      *WarmSet
	cfg    Config
	labels *labels
}

// labels are what verdicts are counted by. They are compared by their address: what an
// entry or a flight was decided by is known without looking at it.
type labels struct{ specs thumb.Specs }

// alike says whether verdicts by these labels are those by others. Only a label's name and
// its width decide one.
func (l *labels) alike(specs thumb.Specs) bool {
	if len(l.specs) != len(specs) {
		return false
	}
	for i, spec := range specs {
		if l.specs[i].Label != spec.Label || l.specs[i].Width != spec.Width {
			return false
		}
	}
	return true
}

// Reader returns that of the configuration in force.
func (w *WarmSet) Reader() *Reader { return w.inForce.Load() }

// Prepare makes the Reader of another configuration, and returns what puts that in force.
// It changes nothing itself. One configuration is prepared, and applied, at a time. Where
// the labels are others the warm set begins anew: its entries hold verdicts by position.
func (w *WarmSet) Prepare(cfg Config) (r *Reader, apply func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, nil, err
	}
	now := w.Reader()
	if cfg.Keys != now.cfg.Keys || cfg.PrivateKeys != now.cfg.PrivateKeys {
		return nil, nil, errors.New("storage.prefix: needs a restart to change")
	}
	r = &Reader{w: w, cfg: cfg, labels: now.labels}
	if !now.labels.alike(cfg.Specs) {
		r.labels = &labels{cfg.Specs}
	}
	return r, func() { w.adopt(r) }, nil
}

// adopt puts a Reader's configuration in force. A size that Resize has set stays, unless the
// configuration has another than the one before it.
func (w *WarmSet) adopt(r *Reader) {
	before := w.inForce.Swap(r)
	size := w.State().MaxSize
	wanted := size
	if r.cfg.MaxSize != before.cfg.MaxSize {
		wanted = r.cfg.MaxSize
	}
	switch {
	case r.labels != before.labels:
		w.restart(r, wanted)
	case size != 0 && size != wanted:
		if err := w.Resize(wanted); err != nil {
			w.log.Error("warm set not resized", "error", err)
		}
	}
}

// restart puts an empty store of that size in the place of the one whose entries are by
// other labels. From then on no flight that was decided by those is kept.
func (w *WarmSet) restart(r *Reader, size int64) {
	w.metrics.invalidations[scopeLabels].Inc()
	w.resizing.Lock()
	defer w.resizing.Unlock()
	if w.store == nil {
		return
	}
	resized := w.store.Size() != size
	_, old, err := w.rebuild(size, r.labels)
	if err != nil { // the entries are nobody's by now
		w.log.Error("warm set is of no use: each page costs a query", "error", err)
		return
	}
	old.Close(nil)
	if resized {
		w.curve.Resize(size, w.now())
	}
	w.curve.ChangedAll(w.now())
}

// Resolve fills known[i] with what is known of ids[i], as Reader.Resolve does, by the
// labels in force when it is called. So do the others below, each for itself.
func (w *WarmSet) Resolve(ctx context.Context, ids []thumb.ID, known []thumb.Known) error {
	return w.Reader().Resolve(ctx, ids, known)
}

// Watch is the Reader's.
func (w *WarmSet) Watch(ids []thumb.ID) (unchanged func() bool) { return w.Reader().Watch(ids) }

// Fresh is the Reader's.
func (w *WarmSet) Fresh(ctx context.Context, id thumb.ID) (thumb.Known, error) {
	return w.Reader().Fresh(ctx, id)
}

// AppendURL is the Reader's.
func (w *WarmSet) AppendURL(dst []byte, id thumb.ID, known *thumb.Known, position int) (url []byte, expires time.Time) {
	return w.Reader().AppendURL(dst, id, known, position)
}

// AppendKey is the Reader's.
func (w *WarmSet) AppendKey(dst []byte, id thumb.ID, known *thumb.Known, position int) []byte {
	return w.Reader().AppendKey(dst, id, known, position)
}

// PublicURLs is the Reader's.
func (w *WarmSet) PublicURLs() thumb.StorageURLs { return w.urls.now() }
