package testenv

import (
	"sync"
	"testing"
	"time"
)

// Stalls is a clock that does nothing but tick, beside a test, and remembers when
// it was late: then the machine kept the tested code waiting too. A bound on time
// that a test holds code to is only fair with what Since returns on top.
type Stalls struct {
	mu    sync.Mutex
	ticks time.Time // when it last ticked
	late  []stall
}

type stall struct {
	ended  time.Time
	lasted time.Duration
}

const tick = 5 * time.Millisecond

// WatchStalls starts the clock; it stops when the test ends.
func WatchStalls(t testing.TB) *Stalls {
	s := &Stalls{ticks: time.Now()}
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-stopped })
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(tick):
				s.tick()
			}
		}
	}()
	return s
}

func (s *Stalls) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if lasted := now.Sub(s.ticks) - tick; lasted > tick {
		s.late = append(s.late, stall{now, lasted})
	}
	s.ticks = now
}

// Since returns for how long, all in all, the machine stood still since a moment.
func (s *Stalls) Since(moment time.Time) (stood time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.late) - 1; i >= 0 && s.late[i].ended.After(moment); i-- {
		stood += s.late[i].lasted
	}
	return stood + max(0, time.Since(s.ticks)-tick)
}
