package resolver_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// curveAt asks for the page of captures that begins at first, and returns the curve.
func curveAt(t *testing.T, w *resolver.WarmSet, first thumb.ID) resolver.Curve {
	t.Helper()
	page(t, w, idRange(first, first+pageSize-1)...)
	synctest.Wait()
	return w.Curve()
}

// What outdates an entry outdates what miniatures hold: time, a notification of the
// capture, one of everything. Unlike a resize, which keeps it.
func TestCurveFollows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(w *resolver.WarmSet)
		found   float64 // of the two pages asked for afterwards
	}{
		"nothing":                   {func(*resolver.WarmSet) {}, 2},
		"resized":                   {func(w *resolver.WarmSet) { _ = w.Resize(8 << 20) }, 2},
		"expired":                   {func(*resolver.WarmSet) { time.Sleep(time.Minute) }, 0},
		"a capture changed":         {func(w *resolver.WarmSet) { w.Changed([]thumb.ID{7}) }, 1},
		"everything may be changed": {func(w *resolver.WarmSet) { w.ChangedAll() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWarmSet(t, &everyCapture{}, func(c *resolver.Config) { c.TTL, c.TTLUnlistened = time.Minute, time.Minute })
				w.ShowAll()
				curveAt(t, w, 1)
				curveAt(t, w, 101)
				before := w.Curve()
				c.happens(w)
				if w.State().MaxSize != 4<<20 { // counting began anew
					before = w.Curve()
				}
				curveAt(t, w, 1)
				after := curveAt(t, w, 101)
				for i, s := range after.Sizes {
					if s.MaxSize < resolver.MinSize {
						continue
					}
					found := s.Pages*float64(after.Pages) - before.Sizes[i].Pages*float64(before.Pages)
					if fmt.Sprintf("%.2f", found) != fmt.Sprintf("%.2f", c.found) {
						t.Errorf("at %v times the size %.2f of the pages were found, want %v: %+v", s.Times, found, c.found, s)
					}
				}
			})
		})
	}
}
