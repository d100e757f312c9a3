package imaging

import (
	"fmt"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var (
	errFull    = fmt.Errorf("%w: render.queue is full", thumb.ErrBusy)
	errDropped = fmt.Errorf("%w: prefetch dropped for a client's sake", thumb.ErrBusy)
	errShare   = fmt.Errorf("%w: the original's host has more than its share of render.queue", thumb.ErrBusy)
)

// makeRoom refuses a job where the limit is reached. A prefetch may take half of
// the room only, and gives way to a client's job while it waits. So does the youngest
// that waits of a host of originals which has more than its share of the room: what a
// host cannot get through must not keep all others out.
func (s *jobs) makeRoom(prefetch bool) error {
	switch {
	case prefetch && len(s.byID) >= (s.limit+1)/2:
		return errFull
	case len(s.byID) < s.limit:
		return nil
	}
	if j := s.youngest(func(j *job) bool { return j.prefetch.Load() && !j.started }); j != nil {
		s.metrics.dropped.Inc()
		s.drop(j, errDropped)
		return nil
	}
	if host := s.greediest(); host != "" {
		s.metrics.limited.WithLabelValues("queue").Inc()
		s.drop(s.youngest(func(j *job) bool { return j.queued == host }), errShare)
		return nil
	}
	return errFull
}

// youngest returns the youngest job of which the claim holds, or nil.
func (s *jobs) youngest(claim func(*job) bool) (youngest *job) {
	for _, j := range s.byID {
		if claim(j) && (youngest == nil || youngest.number < j.number) {
			youngest = j
		}
	}
	return youngest
}

// greediest returns the host for which most jobs wait, where they are more than each
// host's equal part of the limit would be with one more host; "" where none is.
func (s *jobs) greediest() (greediest string) {
	byHost := map[string]int{}
	for _, j := range s.byID {
		if j.queued != "" {
			byHost[j.queued]++
		}
	}
	for host, n := range byHost {
		if n > s.limit/(len(byHost)+1) && n > byHost[greediest] {
			greediest = host
		}
	}
	return greediest
}

// drop ends a job for another's sake.
func (s *jobs) drop(j *job, err error) {
	s.letGo(j, err)
	j.cancel(err)
}
