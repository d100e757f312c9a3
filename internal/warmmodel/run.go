package warmmodel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// System is a warm set with what is around it. Page is called from many
// goroutines; the rest from one.
type System interface {
	// Page asks for captures as a page does.
	Page(ids []thumb.ID, answers []thumb.Known) error
	// Write makes captures, with their rows, what is given, in one transaction:
	// new ones, changed ones, one that only changed its visibility.
	Write(captures []thumb.Capture) error
	// Render records a row of a capture as the cold path does.
	Render(id thumb.ID, row thumb.Row) error
	// Flip makes every capture public, or none, as their projects' visibility does.
	Flip(public bool) error
	// Delete deletes a capture and its rows.
	Delete(id thumb.ID) error
	// Cut ends the listener's link, with or without a word; Restore returns when
	// LISTEN has committed on a new one.
	Cut()
	Restore()
	// Forget, Clear and Resize are what the operator does.
	Forget(id thumb.ID)
	Clear()
	Resize(bytes int64) error
}

// Options are the limits of a run.
type Options struct {
	Seed          uint64
	Steps         int
	Specs         thumb.Specs
	Keys          thumb.Keys
	TTLUnlistened time.Duration // how stale a page may be while the link is cut
	Connected     time.Duration // and while it is not
	Pause         time.Duration // between two steps, on average
	// Stalled says for how long the machine has kept everything waiting since a
	// moment: a page may be that much more stale. Nil: never, as on a fake clock.
	Stalled func(since time.Time) time.Duration
}

// ids is how many captures there are: few, so that pages and changes meet.
const ids = 24

// runner is one run. Only pages are concurrent.
type runner struct {
	Options
	t      testing.TB
	system System
	truth  *Truth
	rnd    *rand.Rand
	now    map[thumb.ID]*thumb.Capture // what the database holds
	digits uint64                      // of the last key made
	pages  sync.WaitGroup

	mu  sync.Mutex
	cut bool
}

// Run carries out random operations on a system that holds no captures yet, and
// reports every answer that the model does not allow. The same seed gives the
// same operations.
func Run(t testing.TB, system System, o Options) {
	t.Helper()
	r := &runner{
		Options: o, t: t, system: system, truth: NewTruth(o.Specs, o.Keys),
		rnd: rand.New(rand.NewPCG(o.Seed, 0)), now: make(map[thumb.ID]*thumb.Capture),
	}
	for step := range o.Steps {
		if err := r.step(); err != nil {
			t.Errorf("seed %d, step %d: %v", o.Seed, step, err)
		}
		time.Sleep(time.Duration(r.rnd.ExpFloat64() * float64(o.Pause)))
	}
	r.pages.Wait()
	if t.Failed() {
		t.Logf("replay with seed %d", o.Seed)
	}
}

// step carries out one operation: mostly pages, often a change, at times a mishap.
func (r *runner) step() error {
	switch n := r.rnd.IntN(100); {
	case n < 60:
		r.page()
		return nil
	case n < 75:
		return r.write(1)
	case n < 80:
		return r.write(1 + r.rnd.IntN(ids))
	case n < 86:
		return r.render()
	case n < 89:
		return r.delete()
	case n < 92:
		return r.flip()
	case n < 96:
		r.link()
		return nil
	case n < 98:
		r.system.Forget(r.any())
		return nil
	}
	if r.rnd.IntN(8) == 0 { // seldom: what is forgotten cannot be stale
		r.system.Clear()
		return nil
	}
	return r.system.Resize(2 << 20 << r.rnd.IntN(3))
}

func (r *runner) any() thumb.ID { return thumb.ID(1 + r.rnd.IntN(ids)) }

// page asks for some captures, beside whatever else goes on, and checks what it
// is told when it ends.
func (r *runner) page() {
	asked := make([]thumb.ID, 1+r.rnd.IntN(6))
	for i, n := range r.rnd.Perm(ids)[:len(asked)] {
		asked[i] = thumb.ID(1 + n)
	}
	r.pages.Go(func() {
		start, stale := time.Now(), r.stale()
		answers := make([]thumb.Known, len(asked))
		_ = r.system.Page(asked, answers) // what it could not say it leaves Unresolved
		end := time.Now()
		for i, id := range asked {
			allowed := stale
			if answers[i].Standing == thumb.Missing { // new captures are not notified
				allowed = r.TTLUnlistened
			}
			if r.Stalled != nil {
				allowed += r.Stalled(start.Add(-allowed))
			}
			if err := r.truth.Check(id, answers[i], start, end, allowed); err != nil {
				r.t.Errorf("seed %d: %v", r.Seed, err)
			}
		}
	})
}

func (r *runner) stale() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		return r.TTLUnlistened
	}
	return r.Connected
}

// write makes or changes n captures in one transaction.
func (r *runner) write(n int) error {
	var captures []thumb.Capture
	for _, at := range r.rnd.Perm(ids)[:n] {
		captures = append(captures, r.capture(thumb.ID(1+at)))
	}
	return r.commit(captures, func() error { return r.system.Write(captures) })
}

// render records a row of a capture as what a cold thumbnail ends in.
func (r *runner) render() error {
	id, at := r.any(), r.rnd.IntN(len(r.Specs))
	before := r.now[id]
	if before == nil {
		return nil
	}
	row := r.row(id, r.Specs[at])
	row.LastModified = before.LastModified
	changed := *before
	changed.Rows = slices.DeleteFunc(slices.Clone(before.Rows), func(old thumb.Row) bool { return old.Label == row.Label })
	changed.Rows = append(changed.Rows, row)
	return r.commit([]thumb.Capture{changed}, func() error { return r.system.Render(id, row) })
}

// flip changes nothing but who may see all captures at once.
func (r *runner) flip() error {
	var captures []thumb.Capture
	public := r.rnd.IntN(2) == 0
	for id := thumb.ID(1); id <= ids; id++ {
		if c := r.now[id]; c != nil {
			changed := *c
			changed.Public = public
			captures = append(captures, changed)
		}
	}
	return r.commit(captures, func() error { return r.system.Flip(public) })
}

// commit records what captures become while a transaction makes them so.
func (r *runner) commit(captures []thumb.Capture, transaction func() error) error {
	var committed []func()
	for i := range captures {
		committed = append(committed, r.truth.Becomes(captures[i].ID, &captures[i]))
		r.now[captures[i].ID] = &captures[i]
	}
	if err := transaction(); err != nil {
		return fmt.Errorf("changing %d captures: %w", len(captures), err)
	}
	for _, c := range committed {
		c()
	}
	return nil
}

func (r *runner) delete() error {
	id := r.any()
	if r.now[id] == nil {
		return nil
	}
	delete(r.now, id)
	committed := r.truth.Becomes(id, nil)
	if err := r.system.Delete(id); err != nil {
		return fmt.Errorf("deleting capture %d: %w", id, err)
	}
	committed()
	return nil
}

// link cuts the listener's link, or restores it.
func (r *runner) link() {
	r.mu.Lock()
	cut := r.cut
	r.mu.Unlock()
	// Some cuts are to last longer than a silent link goes unnoticed.
	if cut && r.rnd.IntN(5) > 0 {
		return
	}
	// A page that begins while the link is restored may still be as stale as before.
	if cut {
		r.system.Restore()
	}
	r.mu.Lock()
	r.cut = !cut
	r.mu.Unlock()
	if !cut {
		r.system.Cut()
	}
}

// noon is when originals were last changed, or an hour after.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// capture makes up a capture: visible or not, its original replaced or not, with
// some labels warm, some stale, some cold, and now and then a path that does not
// follow the key scheme.
func (r *runner) capture(id thumb.ID) thumb.Capture {
	c := thumb.Capture{ID: id, Public: r.rnd.IntN(4) > 0, LastModified: noon.Add(time.Duration(r.rnd.IntN(2)) * time.Hour)}
	for _, spec := range r.Specs {
		row := r.row(id, spec)
		row.LastModified = c.LastModified
		switch r.rnd.IntN(8) {
		case 0:
			continue
		case 1:
			row.LastModified = noon.Add(-time.Hour)
		case 2:
			row.Path = fmt.Sprintf("%scapture_%d/%s-%d.jpg", r.Keys, id, spec.Label, r.digits)
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

// row makes a row whose path names a file that no row has named before.
func (r *runner) row(id thumb.ID, spec thumb.Spec) thumb.Row {
	r.digits++
	return thumb.Row{Label: spec.Label, Width: spec.Width, Height: 1, Size: 1, Path: string(r.Keys.Append(nil, id, spec.Label, r.digits))}
}
