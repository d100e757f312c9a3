package resolver_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// One query asks for so many captures at most; the others of the page stay as the app
// wrote them until it is asked for again.
func TestLargePageIsAskedForInParts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := &everyCapture{}
		w := newWarmSet(t, db, sized(16<<20))
		ids := idRange(1, 25_000)
		for i, known := range []int{10_000, 20_000, 25_000} {
			answers := make([]thumb.Known, len(ids))
			err := w.Resolve(t.Context(), ids, answers)
			if wrong := errors.Is(err, thumb.ErrDatabase); wrong != (known < len(ids)) {
				t.Errorf("page %d: error %v", i, err)
			}
			for at, a := range answers {
				if (smallDigits(a) == uint64(ids[at])) != (at < known) {
					t.Fatalf("page %d: capture %d is %v", i, ids[at], a)
				}
			}
			if n := db.queries.Load(); n != int64(i+1) {
				t.Errorf("%d queries after %d pages", n, i+1)
			}
			synctest.Wait()
		}
	})
}

// A page does not wait for a much larger one's query; equal ones share it however
// large they are.
func TestSmallPageDoesNotJoinALargeQuery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 4000)...)
		w := newWarmSet(t, db)
		release := db.held()
		inFlight(t, w, idRange(1, 4000)...)
		inFlight(t, w, idRange(1, 4000)...)
		if n := db.count(); n != 1 {
			t.Errorf("%d queries for two equal large pages, want 1", n)
		}
		db.set(func(db *table) { db.hold = nil })
		if got := smallDigits(page(t, w, 7)[0]); got != 7 || db.count() != 2 {
			t.Errorf("the small page got %d after %d queries", got, db.count())
		}
		release()
	})
}
