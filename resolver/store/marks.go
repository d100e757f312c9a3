package store

import (
	"math/bits"
	"sync/atomic"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// marks says of any capture when it was last told to have changed, as a sequence
// number: an entry whose query began before that is not believed. That is checked
// whenever an entry is read, so it does not matter how late ristretto carries out
// what it was asked to do, or in which order.
//
// Captures share marks (about three of a full warm set do), so that their memory
// is bounded; a capture that did not change is then asked for once more. Those of a page,
// whose ids lie close together as a rule, have theirs side by side.
type marks []atomic.Uint64

// marksFor returns how many marks a warm set of size bytes has: they take 1.6 % of
// it at most.
func marksFor(size int64) int { return min(max(1<<(bits.Len64(uint64(size/512))-1), 1<<10), 1<<24) }

// newMarks makes the marks of a warm set of size bytes. They take over what old said.
func newMarks(size int64, old marks) marks {
	m := make(marks, marksFor(size))
	for i := range max(len(m), len(old)) {
		if len(old) == 0 {
			break
		}
		if was := old[i%len(old)].Load(); was > m[i%len(m)].Load() {
			m[i%len(m)].Store(was)
		}
	}
	return m
}

func (m marks) of(id thumb.ID) *atomic.Uint64 {
	return &m[uint64(id)&uint64(len(m)-1)]
}
