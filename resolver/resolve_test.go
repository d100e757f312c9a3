package resolver_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestPageCostsOneQueryAndThenNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 40)...)
		w := newWarmSet(t, db)
		ids := idRange(1, 42) // two of them unknown
		first := page(t, w, ids...)
		// The second page follows at once: ristretto may not have taken in anything yet.
		second := page(t, w, ids...)
		if diff := cmp.Diff([][]thumb.ID{ids}, db.queries); diff != "" {
			t.Errorf("queries: %s", diff)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("the second page differs: %s", diff)
		}
		for i, id := range ids {
			if id > 40 {
				if first[i].Standing != thumb.Missing {
					t.Errorf("capture %d is %v", id, first[i].Standing)
				}
				continue
			}
			if got := smallDigits(first[i]); got != uint64(id) {
				t.Errorf("capture %d has the URL of %d", id, got)
			}
		}
		synctest.Wait()
		page(t, w, 41, 42, 7)
		if n := db.count(); n != 1 {
			t.Errorf("%d queries, want 1", n)
		}
	})
}

func TestEveryKindOfAnswerIsRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
		private := warm(2, 2)
		private.Public = false
		mixed := warm(3, 3)
		mixed.Rows[0].Path = "thumbnails/capture_3/small.jpg" // does not follow the scheme
		mixed.Rows[1].LastModified, mixed.LastModified = noon, noon.Add(time.Second)
		mixed.Rows = mixed.Rows[:2]
		db := newTable(warm(1, 1), private, mixed)
		w := newWarmSet(t, db)
		read := page(t, w, 1, 2, 3, 4)
		synctest.Wait()
		kept := page(t, w, 1, 2, 3, 4)
		want := []thumb.Known{
			{Standing: thumb.Public, Verdicts: [8]thumb.Verdict{thumb.Warm, thumb.Warm, thumb.Warm}, Digits: [8]uint64{1, 1, 1}},
			{Standing: thumb.Private},
			{Standing: thumb.Public, Verdicts: [8]thumb.Verdict{thumb.Warm, thumb.Stale, thumb.Cold}, Paths: &[8]string{"thumbnails/capture_3/small.jpg"}},
			{Standing: thumb.Missing},
		}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Errorf("as read: %s", diff)
		}
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Errorf("as remembered: %s", diff)
		}
		if db.count() != 1 {
			t.Errorf("%d queries, want 1", db.count())
		}
		url, expires := w.AppendURL([]byte(`"src":"`), 3, &kept[2], 0)
		if got := string(url); got != `"src":"/media/thumbnails/capture_3/small.jpg` || !expires.IsZero() {
			t.Errorf("URL %q expires %v", got, expires)
		}
		url, _ = w.AppendURL(nil, 1, &kept[0], 2)
		if got := string(url); got != "/media/thumbnails/capture_1/large_0000000000000001.jpg" {
			t.Errorf("URL %q", got)
		}
	})
}

func TestDatabaseFailureLeavesTheRestAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			fail func(*table)
			want error
		}{
			"error": {func(db *table) { db.err = thumb.ErrDatabase }, thumb.ErrDatabase},
			"panic": {func(db *table) { db.panics = true }, thumb.ErrInternal},
		} {
			db := newTable(warmRange(1, 2)...)
			w := newWarmSet(t, db)
			page(t, w, 1)
			synctest.Wait()
			db.set(c.fail)
			answers := make([]thumb.Known, 2)
			answers[1] = thumb.Known{Standing: thumb.Public} // whatever the caller left there
			err := w.Resolve(t.Context(), []thumb.ID{1, 2}, answers)
			if !errors.Is(err, c.want) {
				t.Errorf("%s: error %v, want %v", name, err, c.want)
			}
			if smallDigits(answers[0]) != 1 || answers[1] != (thumb.Known{}) {
				t.Errorf("%s: answers %v", name, answers)
			}
		}
	})
}

func TestPageLeavesAtItsTimeoutAndTheQueryGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 2)...)
		w := newWarmSet(t, db)
		release := db.held()
		start := time.Now()
		answers := make([]thumb.Known, 1)
		err := w.Resolve(t.Context(), []thumb.ID{1}, answers)
		if waited := time.Since(start); waited != config().PageTimeout || !errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("left after %v with %v", waited, err)
		}
		// The next poll finds what the first page's query brought.
		release()
		synctest.Wait()
		if got := smallDigits(page(t, w, 1)[0]); got != 1 || db.count() != 1 {
			t.Errorf("digits %d after %d queries", got, db.count())
		}
	})
}

func TestWaiterThatLeavesTakesNobodyAlong(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 2)...)
		w := newWarmSet(t, db)
		release := db.held()
		ctx, leave := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { first <- w.Resolve(ctx, []thumb.ID{1, 2}, make([]thumb.Known, 2)) }()
		synctest.Wait()
		second := make(chan uint64, 1)
		go func() { second <- smallDigits(page(t, w, 2)[0]) }()
		synctest.Wait()
		leave() // the page whose query it is
		if err := <-first; !errors.Is(err, context.Canceled) || !errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("the first page's error is %v", err)
		}
		release()
		if got := <-second; got != 2 || db.count() != 1 {
			t.Errorf("the second page got %d after %d queries", got, db.count())
		}
	})
}

func TestFreshReadsPastTheWarmSet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warm(1, 1))
		w := newWarmSet(t, db)
		page(t, w, 1)
		synctest.Wait()
		db.put(warm(1, 2))
		if a, err := w.Fresh(t.Context(), 1); err != nil || smallDigits(a) != 2 {
			t.Errorf("Fresh says %d, %v", smallDigits(a), err)
		}
		synctest.Wait()
		if got := smallDigits(page(t, w, 1)[0]); got != 2 || db.count() != 2 {
			t.Errorf("the page says %d after %d queries", got, db.count())
		}
		if a, err := w.Fresh(t.Context(), 9); err != nil || a.Standing != thumb.Missing {
			t.Errorf("an unknown capture: %v, %v", a.Standing, err)
		}
		db.set(func(db *table) { db.err = thumb.ErrDatabase })
		if _, err := w.Fresh(t.Context(), 1); !errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("error %v", err)
		}
	})
}

// A query that hangs must neither outlive its limit nor hold up Close for longer.
func TestQueryHasALimitOfItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warm(1, 1))
		w := newWarmSet(t, db)
		defer db.held()()
		start := time.Now()
		if _, err := w.Fresh(context.Background(), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("the query ended after %v", took)
		}
	})
}

func TestClosedWarmSetAnswersWithErrors(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warm(1, 1))
		w := newWarmSet(t, db)
		page(t, w, 1)
		w.Close()
		w.Close()
		if err := w.Resolve(t.Context(), []thumb.ID{1}, make([]thumb.Known, 1)); !errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("Resolve: %v", err)
		}
		if _, err := w.Fresh(t.Context(), 1); !errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("Fresh: %v", err)
		}
		w.Changed([]thumb.ID{1})
		w.ChangedAll()
		w.Listening()
		w.Clear()
		if w.Resize(8<<20) == nil {
			t.Error("a closed warm set can be resized")
		}
		if _, ok := w.Lookup(1); ok || w.State().Captures != 0 {
			t.Error("a closed warm set holds something")
		}
	})
}

func TestValidateNamesEveryKey(t *testing.T) {
	t.Parallel()
	cfg := resolver.Config{TTL: -1, TTLUnlistened: 0}
	err := cfg.Validate()
	for _, want := range []string{"cache.max_size: ", "cache.ttl: ", "cache.ttl_unlistened: ", "database.page_timeout: ", "thumbnails: "} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("the error %q has no line for %s", err, want)
		}
	}
	if _, err := resolver.New(cfg, resolver.Deps{Database: newTable(), URLs: mediaURLs{}}); err == nil {
		t.Error("New takes an invalid configuration")
	}
	good := config()
	if err := good.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if _, err := resolver.New(good, resolver.Deps{}); err == nil {
		t.Error("New takes no database")
	}
}
