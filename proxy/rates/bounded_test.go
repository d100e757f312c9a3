package rates

import (
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/growth"
)

// asked is a limit that so many clients have asked.
func asked(clients int) *Limit {
	l := New("1000000/s")
	for client := range clients {
		l.Take(uint64(client), time.Now())
	}
	return l
}

// However many clients there are, none waits for work on all of them: not where one asks,
// nor while a reload sets another rate.
func TestTableIsBoundedWork(t *testing.T) {
	t.Parallel()
	step := func(l *Limit) func() {
		client, rates, n := uint64(0), [2]Rate{"900000/s", "800000/s"}, 0
		return func() {
			client, n = client+1, n+1
			l.Take(client%64, time.Now())
			l.Take(1<<40, time.Now())
			l.Change(rates[n%2])
		}
	}
	most := asked(2 * generationSize)
	if times := growth.Times(step(asked(4)), step(most)); times > 50 {
		t.Errorf("a step takes %.0f times as long with %d clients as with 4", times, most.Clients())
	}
}

// A changed rate holds for those who have asked before, too, when they ask next.
func TestChangedRates(t *testing.T) {
	t.Parallel()
	l, now := New("1000/s"), time.Now()
	if _, ok := l.Take(1, now); !ok {
		t.Fatal("the first is refused")
	}
	l.Change("2/h")
	now = time.Now()
	taken := 0
	for range 10 {
		wait, ok := l.Take(1, now)
		if ok {
			taken++
		} else if wait < 20*time.Minute || wait > 31*time.Minute {
			t.Errorf("it has to wait %s for the next, at two an hour", wait)
		}
	}
	if taken != 2 {
		t.Errorf("it gets %d at once, want 2", taken)
	}
	l.Change("1000/s")
	if _, ok := l.Take(1, now.Add(time.Second)); !ok {
		t.Error("it still waits for what two an hour would give")
	}
}
