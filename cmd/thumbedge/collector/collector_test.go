package collector

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
)

// after is the sample another while later, of a process that allocates so many bytes a
// second, and has collected once, at that cost.
func (s *sample) after(while time.Duration, rate, cost float64) sample {
	s.allocated += rate * while.Seconds()
	s.cycles++
	s.spent += cost
	return *s
}

func TestPace(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, c := range map[string]struct {
		live, rate, cost float64
		percent          int
		tidy             bool
	}{
		"a large warm set, some pages":      {live: 256 * mib, rate: 0.1 * mib, cost: 0.2, percent: 3, tidy: true},
		"a large warm set, many pages":      {live: 256 * mib, rate: 5 * mib, cost: 0.2, percent: 19, tidy: true},
		"a large warm set, thumbnails":      {live: 256 * mib, rate: 100 * mib, cost: 0.2, percent: 100},
		"a small process":                   {live: 6 * mib, rate: 0.1 * mib, cost: 0.01, percent: 100},
		"a small process that has a lot on": {live: 6 * mib, rate: 100 * mib, cost: 0.01, percent: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sample{live: c.live, lying: c.live}
			p := pace{percent: usual, last: s}
			percent, tidied := usual, 0
			for range 200 {
				now, tidy := p.observe(s.after(every, c.rate, c.cost), every)
				if now != 0 {
					percent = now
				}
				if tidy {
					tidied++
				}
			}
			if percent < c.percent*2/3 || percent > c.percent*3/2 {
				t.Errorf("%d %% are left lying, want %d", percent, c.percent)
			}
			// In 100 s, with a tenth of a second's work for each.
			if tidied > 0 != c.tidy || float64(tidied)*c.cost > 2*share*100 {
				t.Errorf("tidied %d times", tidied)
			}
		})
	}
}

// What a process that has become quiet has left lying is handed back.
func TestQuietProcessIsTidied(t *testing.T) {
	t.Setenv("GOGC", "")
	held := make([][]byte, 0, 1024)
	for range cap(held) {
		held = append(held, make([]byte, 64<<10))
		_ = make([]byte, 64<<10)
	}
	runtime.GC()
	leave(48 << 20)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { Run(ctx) })
	defer running.Wait()
	defer stop()
	before := read()
	if before.lying < 40<<20 {
		t.Fatalf("only %v bytes lie there: nothing to see", before.lying)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); read().lying > 2*least; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%v bytes still lie there, of %v", read().lying, before.lying)
		}
	}
	runtime.KeepAlive(held)
}

// leave leaves so much garbage lying.
func leave(bytes int) {
	garbage := make([]byte, bytes)
	runtime.KeepAlive(&garbage)
}
