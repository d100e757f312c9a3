//go:build !race

// The race detector makes sync.Pool, which ristretto reads through, forget at random.

package resolver_test

import (
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A page that is in memory, with every URL, allocates nothing. Of ristretto's own it
// costs a slice for every bufferItems (512) captures looked up, at most: it hands the
// reads on in them, to be counted. Not parallel: allocations are counted for the whole
// process.
func TestWarmPageAllocatesNothing(t *testing.T) {
	w := newWarmSet(t, newTable(append(warmRange(1, 500), legacy(501))...), patient)
	for n, want := range map[thumb.ID]float64{1: 0, 40: 0, 401: 0, 501: 1} {
		ids := idRange(1, n)
		answers := make([]thumb.Known, n)
		buf := make([]byte, 0, 256)
		resolve := func() {
			if err := w.Resolve(t.Context(), ids, answers); err != nil {
				t.Fatal(err)
			}
			for i := range answers {
				for position := range specs {
					buf, _ = w.AppendURL(buf[:0], ids[i], &answers[i], position)
				}
			}
		}
		resolve()
		eventually.Holds(t, "the page is in memory", func() bool {
			held := true
			for _, id := range ids {
				_, ok := w.Lookup(id)
				held = held && ok
			}
			return held
		})
		if allocs := testing.AllocsPerRun(100, resolve); allocs > want {
			t.Errorf("%v allocations for a page of %d captures, want %v at most", allocs, n, want)
		}
	}
}

// legacy is a capture whose paths do not follow the key scheme.
func legacy(id thumb.ID) thumb.Capture {
	c := warm(id, 0)
	for i := range c.Rows {
		c.Rows[i].Path = "thumbnails/capture_501/" + c.Rows[i].Label + ".jpg"
	}
	return c
}
