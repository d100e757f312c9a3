package resolver_test

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sort"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// BenchmarkHitRatio replays what browsers do, at three sizes, and reports how
// many captures are found and how many pages need no query, each beside what a
// clairvoyant could reach in the same room (Belady: evict what is needed last).
//
//	go test -run '^$' -bench HitRatio -benchtime 1x ./resolver
func BenchmarkHitRatio(b *testing.B) {
	trace := pollingTrace(100_000, 100, 1)
	for _, mib := range []int64{4, 8, 16} {
		b.Run(fmt.Sprintf("size=%dMiB", mib), func(b *testing.B) {
			for b.Loop() {
				r := replay(b, trace, mib<<20)
				b.ReportMetric(float64(r.held), "captures-held")
				b.ReportMetric(r.captures, "captures-found")
				b.ReportMetric(r.pages, "pages-from-memory")
				b.ReportMetric(clairvoyant(trace, int(r.held)/pageSize), "clairvoyant")
			}
		})
	}
}

// replayed is what came of a trace.
type replayed struct {
	held            int64   // captures, at the end
	captures, pages float64 // found in memory; needing no query: shares
}

// replay asks for the pages of a trace, one after another, ten a second by the warm set's
// clock: so a page of 100 clients' is polled every 10 s.
func replay(t testing.TB, trace []thumb.ID, size int64) replayed {
	t.Helper()
	db := &everyCapture{}
	w := newWarmSet(t, db, patient, sized(size), lasting)
	answers := make([]thumb.Known, pageSize)
	for _, first := range trace {
		w.Pass(100 * time.Millisecond)
		queries := db.queries.Load()
		if err := w.Resolve(t.Context(), idRange(first, first+pageSize-1), answers); err != nil {
			t.Fatal(err)
		}
		for runtime.Gosched(); db.queries.Load() != queries && w.State().Queries > 0; {
			runtime.Gosched()
		}
	}
	asked := float64(len(trace))
	r := replayed{
		held: w.State().Captures, captures: 1 - float64(db.captures.Load())/asked/pageSize,
		pages: 1 - float64(db.queries.Load())/asked,
	}
	w.Close()
	return r
}

// lasting is for a clock that goes fast: nothing expires.
func lasting(c *resolver.Config) { c.TTL, c.TTLUnlistened = 1000*time.Hour, 1000*time.Hour }

// pageSize is the UI's.
const pageSize = 20

// pollingTrace is the first captures of n pages, as so many clients ask for them
// in turns: each opens a session (1,000,000 captures in 5,000 of them, chosen by
// Zipf's law), polls its page every 10 s for about a minute, and turns to the
// next page or to another session.
func pollingTrace(n, clients int, seed uint64) []thumb.ID {
	const sessions, captures = 5000, 200
	rnd := rand.New(rand.NewPCG(seed, 0))
	weight, total := make([]float64, sessions), 0.0
	for i := range weight {
		total += 1 / math.Pow(float64(i+1), 0.9)
		weight[i] = total
	}
	shuffled := rnd.Perm(sessions)
	type client struct{ session, page, polls int }
	all := make([]client, clients)
	trace := make([]thumb.ID, 0, n+clients)
	for len(trace) < n {
		for i := range all {
			c := &all[i]
			if c.polls == 0 {
				c.polls = 1 + int(rnd.ExpFloat64()*6)
				c.page++
				if c.page == captures/pageSize || rnd.Float64() < 0.3 || len(trace) < clients {
					c.session, c.page = shuffled[sort.SearchFloat64s(weight, rnd.Float64()*total)], 0
				}
			}
			c.polls--
			trace = append(trace, thumb.ID(1+c.session*captures+c.page*pageSize))
		}
	}
	return trace[:n]
}

// clairvoyant returns the share of pages that are found when room for so many is
// used with the future known.
func clairvoyant(trace []thumb.ID, room int) float64 {
	const never = math.MaxInt
	next, last := make([]int, len(trace)), make(map[thumb.ID]int)
	for i := len(trace) - 1; i >= 0; i-- {
		next[i] = never
		if j, again := last[trace[i]]; again {
			next[i] = j
		}
		last[trace[i]] = i
	}
	held, found := make(map[thumb.ID]int), 0 // page to its next use
	order := &byNextUse{}
	for i, first := range trace {
		if _, ok := held[first]; ok {
			found++
		} else if len(held) == room {
			for held[(*order)[0].page] != (*order)[0].next { // used since
				heap.Pop(order)
			}
			if (*order)[0].next <= next[i] {
				continue
			}
			delete(held, heap.Pop(order).(use).page)
		}
		held[first] = next[i]
		heap.Push(order, use{first, next[i]})
	}
	return float64(found) / float64(len(trace))
}

type use struct {
	page thumb.ID
	next int
}

// byNextUse is a heap with the page on top that is needed last.
type byNextUse []use

func (h byNextUse) Len() int           { return len(h) }
func (h byNextUse) Less(i, j int) bool { return h[i].next > h[j].next }
func (h byNextUse) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byNextUse) Push(x any)        { *h = append(*h, x.(use)) }
func (h *byNextUse) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
