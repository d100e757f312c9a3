package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// poll asks for a capture that is not in memory every 50 ms, as pages do.
func poll(t *testing.T, w *resolver.WarmSet, id *thumb.ID, d time.Duration) (failed int) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		*id++
		if w.Resolve(t.Context(), []thumb.ID{*id}, make([]thumb.Known, 1)) != nil {
			failed++
		}
		synctest.Wait()
	}
	return failed
}

func TestDeadDatabaseIsNotAskedForEveryPage(t *testing.T) {
	for name, die := range map[string]func(*testing.T, *table) (revive func()){
		"refuses": func(_ *testing.T, db *table) func() {
			db.set(func(db *table) { db.err = thumb.ErrDatabase })
			return func() { db.set(func(db *table) { db.err = nil }) }
		},
		"silent": func(_ *testing.T, db *table) func() { return db.held() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				db := newTable(warm(1, 1))
				w := newWarmSet(t, db)
				page(t, w, 1)
				synctest.Wait()
				revive := die(t, db)
				id := thumb.ID(1000)
				poll(t, w, &id, 4*time.Second)
				if !w.State().BreakerOpen {
					t.Fatal("the breaker is closed after 4 s without an answer")
				}
				before := db.count()
				poll(t, w, &id, 10*time.Second)
				if asked := db.count() - before; asked < 5 || asked > 21 {
					t.Errorf("asked %d times in 10 s, want once a half to one second", asked)
				}
				// What is in memory goes on being told.
				w.Listening()
				w.Heard()
				start := time.Now()
				_ = w.Resolve(t.Context(), []thumb.ID{id}, make([]thumb.Known, 1))
				if time.Since(start) > config().PageTimeout {
					t.Errorf("a page waited %v", time.Since(start))
				}
				revive()
				poll(t, w, &id, 2*time.Second)
				if failed := poll(t, w, &id, time.Second); failed > 0 || w.State().BreakerOpen {
					t.Errorf("%d pages failed later than 2 s after the database came back", failed)
				}
			})
		})
	}
}

// A fault of our own, a panic or a row that cannot be read, is no dead database, were
// it on every page.
func TestBreakerIgnoresFaultsOfOurOwn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for name, fault := range map[string]func(*table){
			"panic":                     func(db *table) { db.panics = true },
			"a row that cannot be read": func(db *table) { db.err = thumb.ErrInternal },
		} {
			db := newTable(warmRange(1, 2)...)
			w := newWarmSet(t, db)
			db.set(fault)
			id := thumb.ID(1000)
			poll(t, w, &id, 5*time.Second)
			if w.State().BreakerOpen {
				t.Errorf("%s: the breaker is open", name)
			}
			db.set(func(db *table) { db.panics, db.err = false, nil })
			page(t, w, 1)
		}
	})
}

// Failures that are not in a row are no dead database.
func TestBreakerIgnoresASingleFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable()
		w := newWarmSet(t, db)
		id := thumb.ID(0)
		for range 20 {
			db.set(func(db *table) { db.err = thumb.ErrDatabase })
			poll(t, w, &id, 100*time.Millisecond) // two pages
			db.set(func(db *table) { db.err = nil })
			if failed := poll(t, w, &id, 50*time.Millisecond); failed != 0 {
				t.Fatal("a page was not asked for")
			}
		}
	})
}

// However many queries are slow at once, as a database's first ones are: what comes
// after them is asked.
func TestBreakerTakesQueriesAtOnceForOneFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable()
		w := newWarmSet(t, db)
		release := db.held()
		for id := range thumb.ID(200) {
			inFlight(t, w, id+1)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * time.Second) // all have failed
		if w.State().BreakerOpen {
			t.Error("the breaker is open after queries that were slow at once")
		}
		release()
		page(t, w, 1000)
	})
}

// Only one page of many at once finds out whether the database is back.
func TestOneProbeAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable()
		w := newWarmSet(t, db)
		db.set(func(db *table) { db.err = thumb.ErrDatabase })
		id := thumb.ID(0)
		poll(t, w, &id, time.Second)
		time.Sleep(time.Second)
		release := db.held()
		before := db.count()
		for range 50 {
			id++
			inFlight(t, w, id)
		}
		if asked := db.count() - before; asked != 1 {
			t.Errorf("%d queries are on their way to a dead database", asked)
		}
		release()
	})
}
