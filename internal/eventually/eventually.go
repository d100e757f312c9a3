// Package eventually has tests wait for what other goroutines, processes and machines do
// in their own time.
package eventually

import (
	"testing"
	"time"
)

// limit is no expectation: it only ends a test that waits in vain, on a busy machine too.
const limit = 3 * time.Minute

// Holds waits until claim holds, on the real clock, and fails the test where it never
// does.
func Holds(t testing.TB, what string, claim func() bool) {
	t.Helper()
	HoldsAfterWork(t, what, func() int64 { return 0 }, claim)
}

// HoldsAfterWork waits as Holds does, for work that a busy machine takes long over: whenever
// done has become another number, the whole time begins again.
func HoldsAfterWork(t testing.TB, what string, done func() int64, claim func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for last := done(); !claim(); {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		case <-again.C:
		}
		if now := done(); now != last {
			last = now
			deadline.Reset(limit)
		}
	}
}
