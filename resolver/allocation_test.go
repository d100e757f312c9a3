//go:build !race

// The race detector makes sync.Pool, which ristretto reads through, forget at random.

package resolver_test

import (
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A page that is in memory, with every URL, allocates nothing; but ristretto hands
// reads on in slices of bufferItems, at most one for so many, so that pages here have
// fewer. Not parallel: allocations are counted for the whole process.
func TestWarmPageAllocatesNothing(t *testing.T) {
	w := newWarmSet(t, newTable(append(warmRange(1, 400), legacy(401))...), patient)
	for _, n := range []thumb.ID{1, 40, 401} {
		ids := idRange(1, n)
		answers := make([]thumb.Answer, n)
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
		eventually(t, "the page is in memory", func() bool {
			held := true
			for _, id := range ids {
				_, ok := w.Lookup(id)
				held = held && ok
			}
			return held
		})
		if allocs := testing.AllocsPerRun(100, resolve); allocs != 0 {
			t.Errorf("%v allocations for a page of %d captures, want 0", allocs, n)
		}
	}
}

// legacy is a capture whose paths do not follow the key scheme.
func legacy(id thumb.ID) thumb.Capture {
	c := warm(id, 0)
	for i := range c.Rows {
		c.Rows[i].Path = "thumbnails/capture_401/" + c.Rows[i].Label + ".jpg"
	}
	return c
}
