package imaging

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Private storage that failed several times was once written off for good: no page was
// signed any more, so that nobody came for whom it would have been tried. It is offered
// again when the pause is over.
func TestPrivateStorageIsOfferedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &Renderer{private: &shelf{breaker: breaker{began: time.Now()}}}
		b := &r.private.breaker
		is := func(when string, want bool) {
			t.Helper()
			if got := r.PrivateReady(); got != want {
				t.Errorf("%s: ready %t", when, got)
			}
		}
		is("at first", true)
		for range breakerFailures {
			b.note(errors.New("away"))
		}
		is("it failed several times", false)
		for range 3 {
			time.Sleep(breakerPause)
			is("the pause is over", true)
			if !b.closed() {
				t.Error("no try is let through")
			}
			is("one is trying", false)
			b.note(errors.New("away"))
			is("it failed again", false)
		}
		time.Sleep(breakerPause)
		if !b.closed() {
			t.Error("no try is let through")
		}
		b.note(nil)
		is("it is back", true)
	})
}
