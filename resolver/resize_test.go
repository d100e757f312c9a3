package resolver_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// fill puts captures first to last into the warm set, in pages of 500.
func fill(t testing.TB, w *resolver.WarmSet, first, last thumb.ID) {
	t.Helper()
	for at := first; at <= last; at += 500 {
		page(t, w, idRange(at, min(at+499, last))...)
	}
	eventually.Holds(t, "no query is on its way", func() bool { return w.State().Queries == 0 })
}

// everyCapture is a database in which every capture is warm.
type everyCapture struct{ queries, captures atomic.Int64 }

func (e *everyCapture) Captures(_ context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	e.queries.Add(1)
	e.captures.Add(int64(len(ids)))
	captures := make([]thumb.Capture, len(ids))
	for i, id := range ids {
		captures[i] = warm(id, uint64(id))
	}
	return captures, nil
}

func TestSizeIsNotExceeded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWarmSet(t, &everyCapture{})
		fill(t, w, 1, 40_000)
		s := w.State()
		if s.Used > s.MaxSize || s.Used < s.MaxSize*95/100 {
			t.Errorf("uses %d of %d bytes", s.Used, s.MaxSize)
		}
		if s.Captures < 10_000 || s.Evictions == 0 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestResizeActsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := &everyCapture{}
		w := newWarmSet(t, db)
		fill(t, w, 1, 10_000)
		held := w.State().Captures
		if held != 10_000 {
			t.Fatalf("holds %d captures, want 10000", held)
		}
		if err := w.Resize(64 << 20); err != nil {
			t.Fatal(err)
		}
		if s := w.State(); s.Captures != held || s.MaxSize != 64<<20 {
			t.Errorf("grown: %+v", s)
		}
		queries := db.queries.Load()
		page(t, w, idRange(1, 10_000)...)
		if db.queries.Load() != queries {
			t.Error("growing forgot captures")
		}
		if err := w.Resize(resolver.MinSize); err != nil {
			t.Fatal(err)
		}
		if s := w.State(); s.Used > resolver.MinSize || s.MaxSize != resolver.MinSize || s.Captures < 2000 || s.Captures > 8000 {
			t.Errorf("shrunk: %+v", s)
		}
		if w.Resize(resolver.MinSize-1) == nil || w.State().MaxSize != resolver.MinSize {
			t.Error("a size that is too small is taken")
		}
	})
}

func TestClearActsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := &everyCapture{}
		w := newWarmSet(t, db)
		fill(t, w, 1, 1000)
		w.Clear()
		if s := w.State(); s.Captures != 0 || s.MaxSize != 4<<20 {
			t.Errorf("state %+v", s)
		}
		before := db.queries.Load()
		if page(t, w, 1); db.queries.Load() != before+1 {
			t.Error("a capture is still there")
		}
	})
}

// Everything at once, for the race detector: pages, notifications, resizes. What
// a page is told must at all times be right in kind.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	w := newWarmSet(t, &everyCapture{})
	var stop atomic.Bool
	var pages, operator sync.WaitGroup
	for worker := range thumb.ID(4) {
		pages.Go(func() {
			ids, answers := make([]thumb.ID, 40), make([]thumb.Known, 40)
			for round := range thumb.ID(300) {
				for i := range ids {
					ids[i] = 1 + (worker*7+round*31)%20_000 + thumb.ID(i)
				}
				_ = w.Resolve(t.Context(), ids, answers)
				for i, a := range answers {
					if a.Standing != thumb.Unresolved && smallDigits(a) != uint64(ids[i]) {
						t.Errorf("capture %d has the URL of %d", ids[i], smallDigits(a))
					}
				}
			}
		})
	}
	for _, act := range []func(i int){
		func(i int) { w.Changed(idRange(thumb.ID(1+i%1000), thumb.ID(20+i%1000))) },
		func(i int) { w.Listening(); w.Heard(); w.Lost(); w.ChangedAll() },
		func(i int) { _ = w.Resize(resolver.MinSize << (i % 3)) },
		func(i int) { w.Clear() },
		func(i int) {
			w.State()
			w.Lookup(thumb.ID(i))
			w.Forget(thumb.ID(i))
			_, _ = w.Fresh(t.Context(), thumb.ID(1+i))
		},
	} {
		operator.Go(func() {
			for i := 0; !stop.Load(); i++ {
				act(i)
				runtime.Gosched()
			}
		})
	}
	pages.Wait()
	stop.Store(true)
	operator.Wait()
	w.Close()
}
