package giveway

import (
	"testing"
	"testing/synctest"
	"time"
)

// Others are let in after each stretch but the first, and for longer once work has gone on for a while.
func TestComputing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w Work
		if w.Did(Stretch - 1); w.passes != 0 {
			t.Error("a small body gives way")
		}
		for range 10 {
			w.Did(Stretch)
		}
		if w.passes != 9 || w.rests != 0 { // the first time is most bodies' last, and free
			t.Errorf("passed %d times, rested %d times before any time was over", w.passes, w.rests)
		}
		for range 10 {
			time.Sleep(busy / 2)
			w.Did(Stretch)
		}
		if w.rests != 5 {
			t.Errorf("rested %d times in ten halves of the time it may go on, want 5", w.rests)
		}
	})
}

// What is moved faster than a network carries it rests now and then; what waits for one
// never does.
func TestMoving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w Work
		for range 64 {
			w.Moved(moved)
		}
		if w.passes != 64 || w.rests < 64*moved/fast-1 {
			t.Errorf("16 MiB at once: passed %d times, rested %d times", w.passes, w.rests)
		}
		w.Begin()
		for range 64 {
			w.Moved(moved)
			time.Sleep(fastTime)
		}
		if w.rests != 0 {
			t.Errorf("16 MiB from a network: rested %d times", w.rests)
		}
		w.Begin()
		for range 1000 {
			w.Moved(moved - 1)
			w.Waited()
		}
		if w.passes != 0 {
			t.Error("what has waited gives way again")
		}
	})
}
