package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What was told of a page holds until anything at all could have made Resolve tell another
// thing, and not a moment longer.
func TestWatchEndsWithWhatWasTold(t *testing.T) {
	heard := func(w *resolver.WarmSet) { w.Listening(); w.Heard() }
	for name, c := range map[string]struct {
		happens func(*resolver.WarmSet)
		holds   bool
	}{
		"nothing":                         {func(*resolver.WarmSet) {}, true},
		"one of the captures":             {func(w *resolver.WarmSet) { w.Changed([]thumb.ID{99, 2}) }, false},
		"another capture":                 {func(w *resolver.WarmSet) { w.Changed([]thumb.ID{99}) }, true},
		"everything":                      {(*resolver.WarmSet).ChangedAll, false},
		"a new connection":                {heard, false},
		"the operator forgets it":         {func(w *resolver.WarmSet) { w.Forget(3) }, false},
		"the operator forgets all":        {(*resolver.WarmSet).Clear, false},
		"nobody listens":                  {(*resolver.WarmSet).Lost, false},
		"nothing heard for three seconds": {func(*resolver.WarmSet) { time.Sleep(3 * time.Second) }, false},
		"a resize":                        {func(w *resolver.WarmSet) { _ = w.Resize(2 << 20) }, true},
		"a change before a resize":        {func(w *resolver.WarmSet) { w.Changed([]thumb.ID{2}); _ = w.Resize(64 << 20) }, false},
		"other labels": {func(w *resolver.WarmSet) {
			cfg := config()
			cfg.Specs = specs[:2]
			_, apply, _ := w.Prepare(cfg)
			apply()
		}, false},
		"other times": {func(w *resolver.WarmSet) {
			cfg := config()
			cfg.PageTimeout *= 2
			_, apply, _ := w.Prepare(cfg)
			apply()
		}, true},
		"the end": {(*resolver.WarmSet).Close, false},
		"its time": {func(w *resolver.WarmSet) {
			time.Sleep(config().TTL - time.Second)
			w.Heard()
		}, false},
		"nearly its time": {func(w *resolver.WarmSet) {
			time.Sleep(config().TTL - 3*time.Second)
			w.Heard()
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWarmSet(t, newTable(warmRange(1, 3)...))
				heard(w)
				ids := []thumb.ID{1, 2, 3}
				page(t, w, ids[1])
				time.Sleep(time.Second) // so that one is older than the others
				w.Heard()
				page(t, w, ids...)
				synctest.Wait()
				unchanged := w.Reader().Watch(ids)
				if unchanged == nil || !unchanged() {
					t.Fatal("it does not hold from the first")
				}
				c.happens(w)
				if unchanged() != c.holds {
					t.Errorf("holds: %v", !c.holds)
				}
			})
		})
	}
}

// Where nothing is said when something changes, or not all is in memory, nobody watches.
func TestWatchNeedsToHearAndToKnow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWarmSet(t, newTable(warmRange(1, 2000)...))
		page(t, w, 1, 2)
		synctest.Wait()
		if w.Reader().Watch([]thumb.ID{1, 2}) != nil {
			t.Error("it watches while nothing is heard")
		}
		w.Listening()
		w.Heard()
		page(t, w, 1, 2)
		synctest.Wait()
		if w.Reader().Watch([]thumb.ID{1, 2, 3}) != nil {
			t.Error("it watches what is not in memory")
		}
		many := idRange(1, 2000)
		page(t, w, many...)
		synctest.Wait()
		w.Heard()
		if w.Reader().Watch(many) != nil {
			t.Error("it watches 2,000")
		}
		// A capture that is not there may appear without a word.
		page(t, w, 1, 5000)
		synctest.Wait()
		unchanged := w.Reader().Watch([]thumb.ID{1, 5000})
		if unchanged == nil || !unchanged() {
			t.Fatal("it does not watch a missing one")
		}
		time.Sleep(config().TTLUnlistened)
		w.Heard()
		if unchanged() {
			t.Error("a missing one is believed for as long as one that is there")
		}
	})
}

// A notification after Watch and before Resolve is not lost: whatever Resolve told then.
func TestWatchBeginsBeforeResolve(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warm(1, 1))
		w := newWarmSet(t, db)
		w.Listening()
		w.Heard()
		page(t, w, 1)
		synctest.Wait()
		unchanged := w.Reader().Watch([]thumb.ID{1})
		db.put(warm(1, 2))
		w.Changed([]thumb.ID{1})
		if got := smallDigits(page(t, w, 1)[0]); got != 2 || unchanged() {
			t.Errorf("told %d, and it counts as unchanged", got)
		}
	})
}
