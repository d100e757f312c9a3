// Package eventually has tests wait for what other goroutines, processes and machines do
// in their own time.
package eventually

import (
	"testing"
	"time"
)

// limit is no expectation: it only ends a test that waits in vain, on a busy machine too.
const limit = time.Minute

// Holds waits until claim holds, on the real clock, and fails the test where it never
// does.
func Holds(t testing.TB, what string, claim func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !claim() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		case <-again.C:
		}
	}
}
