package resolver_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// inFlight starts a page and returns when its query has begun and it waits.
func inFlight(t *testing.T, w *resolver.WarmSet, ids ...thumb.ID) (answers func() []thumb.Known) {
	t.Helper()
	done := make(chan []thumb.Known, 1)
	go func() {
		got := make([]thumb.Known, len(ids))
		_ = w.Resolve(t.Context(), ids, got)
		done <- got
	}()
	synctest.Wait()
	return func() []thumb.Known { return <-done }
}

func TestEqualPagesAtOnceCostOneQuery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 40)...)
		w := newWarmSet(t, db)
		release := db.held()
		var pages sync.WaitGroup
		for range 200 {
			pages.Go(func() {
				for i, a := range page(t, w, idRange(1, 40)...) {
					if smallDigits(a) != uint64(i+1) {
						t.Errorf("capture %d has the URL of %d", i+1, smallDigits(a))
					}
				}
			})
		}
		synctest.Wait()
		release()
		pages.Wait()
		if n := db.count(); n != 1 {
			t.Errorf("%d queries for 200 equal pages, want 1", n)
		}
	})
}

// Pages that overlap share by capture: each asks only for what nobody has asked
// for, in one query.
func TestPageAsksOnlyForWhatIsNotOnItsWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 9)...)
		w := newWarmSet(t, db)
		page(t, w, 9)
		release := db.held()
		first := inFlight(t, w, 1, 2)
		second := inFlight(t, w, 3, 4)
		third := inFlight(t, w, 9, 1, 5, 3, 6)
		want := [][]thumb.ID{{9}, {1, 2}, {3, 4}, {5, 6}}
		if diff := cmp.Diff(want, db.queries); diff != "" {
			t.Errorf("queries: %s", diff)
		}
		release()
		for _, c := range []struct {
			answers func() []thumb.Known
			want    []uint64
		}{{first, []uint64{1, 2}}, {second, []uint64{3, 4}}, {third, []uint64{9, 1, 5, 3, 6}}} {
			var got []uint64
			for _, a := range c.answers() {
				got = append(got, smallDigits(a))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("a page's answers: %s", diff)
			}
		}
	})
}

// Where the joined query fails, what the page's own brought is right all the same.
func TestJoinedQueryThatFailsCostsOnlyItsOwnCaptures(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 2)...)
		w := newWarmSet(t, db)
		db.set(func(db *table) { db.err = thumb.ErrDatabase })
		release := db.held()
		inFlight(t, w, 1)
		db.set(func(db *table) { db.err, db.hold = nil, nil })
		answers := inFlight(t, w, 1, 2)
		release()
		got := answers()
		if got[0].Standing != thumb.Unresolved || smallDigits(got[1]) != 2 {
			t.Errorf("answers %v", got)
		}
	})
}

func TestSharedQueryThatIsTooOldIsNotJoined(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warm(1, 1))
		w := newWarmSet(t, db)
		release := db.held()
		defer release()
		inFlight(t, w, 1)
		time.Sleep(config().PageTimeout)
		inFlight(t, w, 1)
		if n := db.count(); n != 1 {
			t.Errorf("%d queries: one as old as the page timeout was not joined", n)
		}
		time.Sleep(time.Millisecond)
		inFlight(t, w, 1)
		if n := db.count(); n != 2 {
			t.Errorf("%d queries: one older than the page timeout was joined", n)
		}
	})
}

func TestSharedQueryThatANotificationTouchedIsNotJoined(t *testing.T) {
	for name, c := range map[string]struct {
		notify  func(*resolver.WarmSet)
		queries int
	}{
		"one of its captures": {func(w *resolver.WarmSet) { w.Changed([]thumb.ID{2}) }, 2},
		"everything":          {(*resolver.WarmSet).ChangedAll, 2},
		"a new generation":    {(*resolver.WarmSet).Listening, 2},
		"the operator":        {func(w *resolver.WarmSet) { w.Forget(2) }, 2},
		"emptied":             {(*resolver.WarmSet).Clear, 2},
		"another capture":     {func(w *resolver.WarmSet) { w.Changed([]thumb.ID{3}) }, 1},
		"resized":             {func(w *resolver.WarmSet) { _ = w.Resize(8 << 20) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				db := newTable(warmRange(1, 2)...)
				w := newWarmSet(t, db)
				release := db.held()
				old := inFlight(t, w, 1, 2)
				db.put(warm(1, 11))
				db.put(warm(2, 12))
				c.notify(w)
				late := inFlight(t, w, 1, 2)
				if n := db.count(); n != c.queries {
					t.Errorf("%d queries, want %d", n, c.queries)
				}
				release()
				// The page that began before may have the old answer; the later one not.
				if got := smallDigits(old()[1]); got != 2 {
					t.Errorf("the first page got %d", got)
				}
				if got := smallDigits(late()[1]); (got == 12) != (c.queries == 2) {
					t.Errorf("the later page got %d", got)
				}
				synctest.Wait()
				// Whichever query ended first, what is remembered is the later one's.
				if got := smallDigits(page(t, w, 2)[0]); (got == 12) != (c.queries == 2) || db.count() != c.queries {
					t.Errorf("remembered is %d, after %d queries", got, db.count())
				}
			})
		})
	}
}

// Two hundred clients on two hundred pages: nobody waits longer than the page
// timeout, and there are no more queries than pages.
func TestManyPagesOfASlowDatabase(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 200)...)
		w := newWarmSet(t, db)
		defer db.held()()
		start := time.Now()
		var pages sync.WaitGroup
		for id := range thumb.ID(200) {
			pages.Go(func() { _ = w.Resolve(t.Context(), []thumb.ID{id + 1}, make([]thumb.Known, 1)) })
		}
		pages.Wait()
		if waited := time.Since(start); waited > config().PageTimeout || db.count() != 200 {
			t.Errorf("the last page waited %v, %d queries", waited, db.count())
		}
	})
}

// A page that follows on the heels of another looks up what ristretto has not
// taken in yet, and then finds the query over: it must look again before it asks.
func TestPageOnTheHeelsOfAnotherNeedsNoQuery(t *testing.T) {
	t.Parallel()
	db := &everyCapture{}
	w := newWarmSet(t, db, patient)
	const rounds = 3000
	for id := range thumb.ID(rounds) {
		var followers sync.WaitGroup
		page(t, w, id+1)
		for range 3 {
			followers.Go(func() { page(t, w, id+1) })
		}
		followers.Wait()
	}
	if n := db.queries.Load(); n != rounds {
		t.Errorf("%d queries for %d captures", n, rounds)
	}
}
