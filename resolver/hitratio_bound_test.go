//go:build !race

// The race detector makes sync.Pool, through which ristretto counts reads, forget at
// random.

package resolver_test

import "testing"

// With room for some 500 pages of the thousands that are asked for, pages need a query
// less than 1.7 times as often as a clairvoyant's would.
func TestHitRatioIsNearTheBest(t *testing.T) {
	t.Parallel()
	trace := pollingTrace(20_000, 100, 1)
	r := replay(t, trace, 3<<20)
	best := clairvoyant(trace, int(r.held)/pageSize)
	t.Logf("%.3f of the pages from memory, a clairvoyant's %.3f", r.pages, best)
	if 1-r.pages > 1.7*(1-best) {
		t.Errorf("%.3f of the pages come from memory, of a clairvoyant's %.3f", r.pages, best)
	}
}
