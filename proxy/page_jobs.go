package proxy

import (
	"sync"
	"time"
)

const (
	// mostLarge is how many jobs with large buffers wait for the next large page, and
	// keepLarge how long they do: making such buffers anew for every page of one client
	// keeps the garbage collector at work, which others notice.
	mostLarge = 2
	keepLarge = 5 * time.Second
)

// jobs are those that wait for the next page.
type jobs struct {
	memory *memory
	small  sync.Pool

	mu    sync.Mutex
	large []*job
	drop  *time.Timer
}

func newJobs(memory *memory) *jobs { return &jobs{memory: memory} }

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
	if j.isLarge() && s.keep(j) {
		return
	}
	j.trim()
	s.small.Put(j)
}

func (s *jobs) keep(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.large) == mostLarge {
		return false
	}
	s.large = append(s.large, j)
	if s.drop == nil {
		s.drop = time.AfterFunc(keepLarge, s.dropLarge)
	} else {
		s.drop.Reset(keepLarge)
	}
	return true
}

func (s *jobs) dropLarge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.large)
	s.large = s.large[:0]
}
