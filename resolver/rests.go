package resolver

import (
	"runtime"
	"time"
)

const (
	// sharesEvery is after how many captures of a page others are let in, and worksFor
	// after how long they are for as long again. Most pages are done before the first time.
	sharesEvery = 16 * atOnce
	worksFor    = 500 * time.Microsecond
)

// rests is the work on a large page, which lets others in now and then. A goroutine that
// computes for long leaves no thread to look at the network, and keeps other processes from
// its core; where every processor of Go's is at work only a rest has one look.
type rests struct {
	captures int // since others were let in
	since    time.Time
}

// did notes work on so many captures more. No lock may be held.
func (s *rests) did(captures int) {
	if s.captures += captures; s.captures < sharesEvery {
		return
	}
	s.captures = 0
	switch now := time.Now(); {
	case s.since.IsZero():
		s.since = now
		runtime.Gosched()
	case now.Sub(s.since) < worksFor:
		runtime.Gosched()
	default:
		time.Sleep(worksFor)
		s.since = time.Now()
	}
}
