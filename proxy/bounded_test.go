package proxy

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/growth"
)

// mostWaiting is as many as may wait for the app at once, whatever they wait for
// (upstream.max_conns at most).
const mostWaiting = 1 << 16

// However many wait in a line, and for however many clients, nobody who comes, leaves or
// gives up looks at all of them.
func TestLinesAreBoundedWork(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]func(n int) (step func()){
		"large pages of as many clients": func(n int) func() {
			turns := newTurns(0)
			for client := range n {
				turns.take(uint64(client))
			}
			last := uint64(n)
			return func() {
				last++
				turns.take(last)
				turns.leave()
				turns.giveUp(1<<40, turns.take(1<<40))
			}
		},
		"large pages of one client": func(n int) func() {
			turns := newTurns(0)
			for range n {
				turns.take(1)
			}
			return func() {
				turns.take(1)
				turns.leave()
				turns.giveUp(1, turns.take(1))
			}
		},
		"requests that the app could render for": func(n int) func() {
			f := newFallbacks(newFallbackMetrics(prometheus.NewRegistry()))
			f.bound(1, n+2)
			line := &f.lines[fallbackOther]
			join := func() func() bool {
				place, err := line.join()
				if err != nil {
					t.Fatal(err)
				}
				return func() bool { return line.giveUp(place) }
			}
			for range n {
				join()
			}
			return func() {
				join()
				line.leave()
				if !join()() {
					t.Fatal("the last in line was let in")
				}
			}
		},
	} {
		if times := growth.Times(line(4), line(mostWaiting)); times > 50 {
			t.Errorf("%s: a step takes %.0f times as long with %d in line as with 4", name, times, mostWaiting)
		}
	}
}
