package resolver_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// shares makes a curve of 64 MiB.
func shares(pages int64, of ...float64) resolver.Curve {
	c := resolver.Curve{Pages: pages}
	for i, times := range []float64{1. / 16, 1. / 8, 1. / 4, 3. / 8, 1. / 2, 3. / 4, 1, 1.5, 2, 3, 4, 8} {
		c.Sizes = append(c.Sizes, resolver.CurveSize{Times: times, MaxSize: int64(times * (64 << 20)), Pages: of[i]})
	}
	return c
}

func TestCurveAdvises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		curve resolver.Curve
		want  string
	}{
		{shares(999, make([]float64, 12)...), "Too few pages so far to say: 999 of 1000."},
		{shares(9999, .1, .3, .5, .6, .7, .8, .91, .912, .914, .914, .914, .914),
			"At 64 MiB 91 % of pages need no query; 128 MiB would make it 91.4 %: keep it."},
		{shares(9999, .1, .2, .3, .4, .5, .6, .7, .75, .8, .88, .89, .89),
			"At 64 MiB 70 % of pages need no query; 192 MiB would make it 88 %: enlarge it."},
		{shares(9999, .1, .3, .8, .9, .908, .909, .91, .91, .91, .91, .91, .91),
			"At 64 MiB 91 % of pages need no query; 32 MiB would make it 90.8 %: that would do, too."},
	} {
		if got := c.curve.Advise(); got != c.want {
			t.Errorf("it says  %s\nshould be %s", got, c.want)
		}
	}
}

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
