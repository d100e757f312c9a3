package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The interleaving that must never end badly: a query reads, the row changes, the
// notification arrives, and only then does the query's answer.
func TestAnswerReadBeforeANotificationIsNeverStoredAfterIt(t *testing.T) {
	for name, notify := range map[string]func(*resolver.WarmSet){
		"the capture":      func(w *resolver.WarmSet) { w.Changed([]thumb.ID{1}) },
		"everything":       (*resolver.WarmSet).ChangedAll,
		"a new generation": (*resolver.WarmSet).Listening,
		"the operator":     func(w *resolver.WarmSet) { w.Forget(1) },
		"emptied":          (*resolver.WarmSet).Clear,
		"resized between": func(w *resolver.WarmSet) {
			w.Changed([]thumb.ID{1})
			_ = w.Resize(64 << 20)
			_ = w.Resize(2 << 20)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				db := newTable(warm(1, 1))
				w := newWarmSet(t, db)
				release := db.held()
				old := inFlight(t, w, 1)
				db.put(warm(1, 2))
				notify(w)
				release()
				old()
				synctest.Wait()
				if got := smallDigits(page(t, w, 1)[0]); got != 2 || db.count() != 2 {
					t.Errorf("the next page got %d after %d queries", got, db.count())
				}
			})
		})
	}
}

// A slow query that began first must not overwrite what a later one has brought.
func TestLaterAnswerIsNotOverwrittenByAnEarlierOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warm(1, 1))
		w := newWarmSet(t, db)
		release := db.held()
		inFlight(t, w, 1)
		time.Sleep(300 * time.Millisecond)
		db.set(func(db *table) { db.captures[1], db.hold = warm(1, 2), nil }) // unheard
		page(t, w, 1)
		synctest.Wait()
		release()
		synctest.Wait()
		if got := smallDigits(page(t, w, 1)[0]); got != 2 {
			t.Errorf("the earlier query's answer %d is remembered", got)
		}
	})
}

func TestNotificationOutdatesWhatIsRemembered(t *testing.T) {
	for name, notify := range map[string]func(*resolver.WarmSet){
		"the capture":      func(w *resolver.WarmSet) { w.Changed([]thumb.ID{7, 1}) },
		"everything":       (*resolver.WarmSet).ChangedAll,
		"a new generation": (*resolver.WarmSet).Listening,
		"the operator":     func(w *resolver.WarmSet) { w.Forget(1) },
		"emptied":          (*resolver.WarmSet).Clear,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				db := newTable(warm(1, 1), warm(2, 1))
				w := newWarmSet(t, db)
				w.Listening()
				w.Heard()
				page(t, w, 1, 2)
				synctest.Wait()
				db.put(warm(1, 2))
				notify(w)
				if _, ok := w.Lookup(1); ok {
					t.Error("the outdated answer is still there to be looked up")
				}
				// At the very moment of the notification, on a clock that stands still.
				if got := smallDigits(page(t, w, 1, 2)[0]); got != 2 || db.count() != 2 {
					t.Errorf("the next page got %d after %d queries", got, db.count())
				}
				synctest.Wait()
				if page(t, w, 1, 2); db.count() != 2 {
					t.Errorf("%d queries: what was read after the notification is not remembered", db.count())
				}
			})
		})
	}
}

// One capture's notification leaves the others of the page in memory.
func TestNotificationOutdatesNothingElse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warmRange(1, 40)...)
		w := newWarmSet(t, db)
		page(t, w, idRange(1, 40)...)
		synctest.Wait()
		w.Changed([]thumb.ID{20})
		page(t, w, idRange(1, 40)...)
		if last := db.queries[len(db.queries)-1]; len(last) != 1 || last[0] != 20 {
			t.Errorf("asked again for %v", last)
		}
	})
}

// How long an answer is believed, from when its query began.
func TestTrust(t *testing.T) {
	const tick = time.Millisecond
	connect := func(w *resolver.WarmSet) { w.Listening(); w.Heard() }
	for name, c := range map[string]struct {
		id      thumb.ID // 1 exists, 2 does not
		before  func(*resolver.WarmSet)
		during  func(*resolver.WarmSet)
		trusted time.Duration
	}{
		"never listened":               {id: 1, trusted: 5 * time.Second},
		"listening, but nothing heard": {id: 1, before: (*resolver.WarmSet).Listening, trusted: 5 * time.Second},
		"connected":                    {id: 1, before: connect, during: hearFor(time.Hour), trusted: time.Hour},
		"connected, unknown capture":   {id: 2, before: connect, during: hearFor(4 * time.Second), trusted: 5 * time.Second},
		"silence":                      {id: 1, before: connect, during: hearFor(4 * time.Second), trusted: 6 * time.Second},
		"silence later":                {id: 1, before: connect, during: hearFor(60 * time.Second), trusted: 62 * time.Second},
		"link lost": {id: 1, before: connect, during: func(w *resolver.WarmSet) {
			hearFor(60 * time.Second)(w)
			w.Lost()
		}, trusted: 60 * time.Second},
		"link lost early": {id: 1, before: connect, during: (*resolver.WarmSet).Lost, trusted: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				db := newTable(warm(1, 1))
				w := newWarmSet(t, db)
				if c.before != nil {
					c.before(w)
				}
				start := time.Now()
				page(t, w, c.id)
				synctest.Wait()
				believed := func() bool { // asks for no query
					_, ok := w.Lookup(c.id)
					return ok
				}
				if c.during != nil {
					c.during(w)
				}
				if left := c.trusted - tick - time.Since(start); left > 0 {
					time.Sleep(left)
					if !believed() {
						t.Errorf("not believed after %v", time.Since(start))
					}
				}
				time.Sleep(c.trusted + tick - time.Since(start))
				if believed() {
					t.Errorf("believed for longer than %v", c.trusted)
				}
				page(t, w, c.id)
				if db.count() != 2 {
					t.Errorf("%d queries, want 2", db.count())
				}
			})
		})
	}
}

// hearFor is a link on which the proxy's own notification comes back every second.
func hearFor(d time.Duration) func(*resolver.WarmSet) {
	return func(w *resolver.WarmSet) {
		for range d / time.Second {
			time.Sleep(time.Second)
			w.Heard()
		}
	}
}

// A link that stalls and comes back without a new LISTEN has lost nothing.
func TestSilenceThatEndsIsNoNewGeneration(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(warm(1, 1))
		w := newWarmSet(t, db)
		w.Listening()
		w.Heard()
		page(t, w, 1)
		time.Sleep(10 * time.Second)
		if w.State().Connected {
			t.Error("connected after 10 s of silence")
		}
		w.Heard()
		if page(t, w, 1); db.count() != 1 || !w.State().Connected || w.State().Generation != 1 {
			t.Errorf("%d queries, state %+v", db.count(), w.State())
		}
	})
}
