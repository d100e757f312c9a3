package proxy

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// mostLarge is how many jobs with large buffers wait for the next large page, and
	// keepLarge how long they do: making such buffers anew for every page of one client
	// keeps the garbage collector at work, which others notice. They are charged to memory,
	// and go at once where a page needs that.
	mostLarge = 2
	keepLarge = 5 * time.Second
)

// jobs are those that wait for the next page.
type jobs struct {
	memory *memory
	gauge  prometheus.Gauge // of what is used of it
	small  sync.Pool

	mu    sync.Mutex
	large []*job
	drop  *time.Timer
}

func newJobs(memory *memory, gauge prometheus.Gauge) *jobs {
	s := &jobs{memory: memory, gauge: gauge}
	memory.spare = s.dropLarge
	return s
}

// get returns a job for a page, large or not.
func (s *jobs) get(large bool) *job {
	if large {
		if j := s.takeLarge(); j != nil {
			return j
		}
	}
	if j, ok := s.small.Get().(*job); ok {
		return j
	}
	j := &job{memory: s.memory}
	j.found.Between = j.work.Did
	return j
}

func (s *jobs) takeLarge() *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.large) - 1
	if last < 0 {
		return nil
	}
	j := s.large[last]
	s.large[last] = nil
	s.large = s.large[:last]
	return j
}

// put takes a job back. It keeps large buffers for a while.
func (s *jobs) put(j *job) {
	j.reset()
	if !j.isLarge() || !s.keep(j) {
		j.trim()
		s.small.Put(j)
	}
	s.show()
}

// show has the gauge say what is used.
func (s *jobs) show() { s.gauge.Set(float64(s.memory.used.Load())) }

// keep keeps a job with its buffers, where there is room for them beside the pages in hand.
func (s *jobs) keep(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.large) == mostLarge || !s.memory.take(j.buffered()) {
		return false
	}
	j.charged = j.buffered()
	s.large = append(s.large, j)
	if s.drop == nil {
		s.drop = time.AfterFunc(keepLarge, s.dropLater)
	} else {
		s.drop.Reset(keepLarge)
	}
	return true
}

// dropLater is dropLarge when the time of those that wait is over.
func (s *jobs) dropLater() {
	s.dropLarge()
	s.show()
}

// dropLarge lets go of what waits for the next large page, and says whether there was any.
func (s *jobs) dropLarge() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.large {
		s.memory.take(-j.charged)
	}
	dropped := len(s.large) > 0
	clear(s.large)
	s.large = s.large[:0]
	return dropped
}
