//go:build !race

// With the race detector it would take minutes.

package resolver_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// largePage is about how many captures an app's body of 16 MiB (rewrite.max_body) names.
const largePage = 100_000

// worst are what one client does without pause while others ask for their pages.
var worst = map[string]func(w *resolver.WarmSet, ids []thumb.ID, answers []thumb.Known){
	"a page that is in memory": func(w *resolver.WarmSet, ids []thumb.ID, answers []thumb.Known) {
		_ = w.Resolve(context.Background(), ids, answers)
	},
	"a page that is not": func(w *resolver.WarmSet, ids []thumb.ID, answers []thumb.Known) {
		w.Changed(ids[:20_000])
		_ = w.Resolve(context.Background(), ids[:20_000], answers)
	},
	"a page that nobody knows": func(w *resolver.WarmSet, ids []thumb.ID, answers []thumb.Known) {
		for i := range ids {
			ids[i] += 1 << 40
		}
		_ = w.Resolve(context.Background(), ids, answers)
	},
}

// ready is a database that has made up its captures before, and that nobody waits for.
type ready map[thumb.ID]thumb.Capture

func (r ready) Captures(_ context.Context, ids []thumb.ID) (found []thumb.Capture, err error) {
	for _, id := range ids {
		if c, ok := r[id]; ok {
			found = append(found, c)
		}
	}
	return found, nil
}

// ofLargePages is a warm set that has room for what large pages ask for, and has it.
func ofLargePages(t testing.TB) *resolver.WarmSet {
	const captures = largePage + 32*1000
	w := newWarmSet(t, ready(newTable(warmRange(1, captures)...).captures), sized(256<<20), patient)
	fill(t, w, 1, captures)
	return w
}

// waits returns the times, in order, that pages of 40 captures take, of which one has to
// be asked for.
func waits(t testing.TB, w *resolver.WarmSet) []time.Duration {
	t.Helper()
	answers, took := make([]thumb.Known, 40), make([]time.Duration, 500)
	for i := range took {
		first := thumb.ID(1 + 40*i)
		ids := idRange(first, first+39)
		w.Forget(first)
		began := time.Now()
		if err := w.Resolve(t.Context(), ids, answers); err != nil {
			t.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took
}

// stalled returns how many times as long pages take while one client does its worst, of
// a hundred pages the one that is percent from the fastest, in the best of some rounds:
// what a lock costs shows in every one.
func stalled(t testing.TB, w *resolver.WarmSet, do func(*resolver.WarmSet, []thumb.ID, []thumb.Known), percent, rounds int) (best float64) {
	t.Helper()
	for range rounds {
		idle := waits(t, w)[500*percent/100]
		var stop atomic.Bool
		var client sync.WaitGroup
		client.Go(func() {
			answers := make([]thumb.Known, largePage)
			for first := thumb.ID(1); !stop.Load(); first = 1 + (first+31)%32_000 {
				do(w, idRange(first, first+largePage-1), answers)
			}
		})
		busy := waits(t, w)[500*percent/100]
		stop.Store(true)
		client.Wait()
		ratio := float64(busy) / float64(idle)
		t.Logf("p%d %v while the other asks for nothing, %v while it does: %.1f times", percent, idle, busy, ratio)
		if best == 0 || ratio < best {
			best = ratio
		}
	}
	return best
}

// However large the page that one client asks for without pause, other pages take as
// long as ever. The bound is wide, for a machine that does something else meanwhile; a
// lock that is held while each capture of a page is compared with all others is far
// beyond it.
func TestLargePageStallsNobody(t *testing.T) {
	w := ofLargePages(t)
	for name, do := range worst {
		t.Run(name, func(t *testing.T) {
			if times := stalled(t, w, do, 90, 3); times > 20 {
				t.Errorf("a page of 40 takes %.1f times as long while another client asks for %s", times, name)
			}
		})
	}
}

// BenchmarkLargePage reports how many times as long a page takes (p99, best of ten
// rounds) while another client asks for the largest pages there may be.
//
//	go test -run '^$' -bench LargePage -benchtime 1x ./resolver
func BenchmarkLargePage(b *testing.B) {
	w := ofLargePages(b)
	for name, do := range worst {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(stalled(b, w, do, 99, 10), "times-idle-p99")
			}
		})
	}
}
