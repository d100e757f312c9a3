// Package warmmodel is the simple model that the warm set is tested against: what
// was true of each capture, and when. Tests run random operations on a real system
// (Run), and hold every answer that a page was given against the model.
//
// The property: what a page shows was true at some moment of its
// request, or at most a moment before it that depends on whether notifications
// are heard.
package warmmodel

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Truth remembers what was true of each capture, and when. Its methods may be
// called from many goroutines.
type Truth struct {
	specs thumb.Specs
	keys  thumb.Keys

	mu       sync.Mutex
	versions map[thumb.ID][]version
}

// version is an answer that was right from a moment until another. Where a
// transaction commits within an interval, both answers are right during it.
type version struct {
	answer      thumb.Known
	from, until time.Time // zero until: still
}

// NewTruth makes a world without captures.
func NewTruth(specs thumb.Specs, keys thumb.Keys) *Truth {
	return &Truth{specs: specs, keys: keys, versions: make(map[thumb.ID][]version)}
}

// Becomes records that a transaction begins now which makes a capture what is
// given; nil: deletes it. The caller calls committed when it has returned; while it
// has not, or where it failed and nobody knows, both answers are right. One
// transaction at a time.
func (t *Truth) Becomes(id thumb.ID, capture *thumb.Capture) (committed func()) {
	answer := thumb.Known{Standing: thumb.Missing}
	if capture != nil {
		answer = thumb.Decide(capture, t.specs, t.keys, t.keys)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	history := append(t.history(id), version{answer: answer, from: time.Now()})
	t.versions[id] = history
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		history[len(history)-2].until = time.Now()
	}
}

func (t *Truth) history(id thumb.ID) []version {
	if h := t.versions[id]; h != nil {
		return h
	}
	return []version{{answer: thumb.Known{Standing: thumb.Missing}}}
}

// Check says whether an answer that a page got, which ran from start to end, was
// true at some moment of that time, or at most stale before. Nobody is wrong who
// says nothing.
func (t *Truth) Check(id thumb.ID, got thumb.Known, start, end time.Time, stale time.Duration) error {
	if got.Standing == thumb.Unresolved {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var known strings.Builder
	for _, v := range t.history(id) {
		if same(v.answer, got) && !v.from.After(end) && (v.until.IsZero() || !v.until.Before(start.Add(-stale))) {
			return nil
		}
		fmt.Fprintf(&known, "\n\t%s until %s", describe(v.answer), v.ended(start))
	}
	return fmt.Errorf("capture %d was shown as %s by a page of %v, %v of staleness allowed. It was:%s",
		id, describe(got), end.Sub(start), stale, &known)
}

func (v version) ended(start time.Time) string {
	if v.until.IsZero() {
		return "now"
	}
	return fmt.Sprintf("%v before its start", start.Sub(v.until))
}

func same(a, b thumb.Known) bool {
	if (a.Paths == nil) != (b.Paths == nil) || a.Paths != nil && *a.Paths != *b.Paths {
		return false
	}
	a.Paths, b.Paths = nil, nil
	return a == b
}

func describe(a thumb.Known) string {
	return fmt.Sprintf("%v %v %x", a.Standing, a.Verdicts, a.Digits)
}
