package imaging

import (
	"cmp"
	"fmt"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var (
	errFull    = fmt.Errorf("%w: render.queue is full", thumb.ErrBusy)
	errDropped = fmt.Errorf("%w: prefetch dropped for a client's sake", thumb.ErrBusy)
	errShare   = fmt.Errorf("%w: the original's host has more than its share of render.queue", thumb.ErrBusy)
	errMost    = fmt.Errorf("%w: the client has more than its share of render.queue", thumb.ErrBusy)
)

// makeRoom refuses a client's job where the limit is reached. A prefetch may take half
// of the room only, and gives way to a client's job while it waits. So does the youngest
// that waits of a host of originals which has more than its share of the room: what a
// host cannot get through must not keep all others out. So does, at last, the youngest
// that waits of the client that has the most.
func (s *jobs) makeRoom(client thumb.Client) error {
	switch {
	case client == thumb.Nobody && len(s.byTarget) >= (s.limit+1)/2:
		return errFull
	case len(s.byTarget) < s.limit:
		return nil
	}
	if j := s.youngest(func(j *job) bool { return j.prefetch() && !j.started }); j != nil {
		s.metrics.dropped.Inc()
		s.drop(j, errDropped)
		return nil
	}
	if host := s.greediest(); host != "" {
		s.metrics.limited.WithLabelValues("queue").Inc()
		s.drop(s.youngest(func(j *job) bool { return j.queued == host }), errShare)
		return nil
	}
	if j := s.youngest((*job).waits); j != nil && s.hasMore(j.of(), client) {
		s.metrics.outqueued.Inc()
		s.drop(j, errMost)
		return nil
	}
	return errFull
}

// youngest returns, of the jobs of which the claim holds, the youngest of the client
// that has the most jobs; nil where there are none.
func (s *jobs) youngest(claim func(*job) bool) (youngest *job) {
	for _, j := range s.byTarget {
		if claim(j) && (youngest == nil || cmp.Or(
			cmp.Compare(s.byClient[youngest.of()], s.byClient[j.of()]), cmp.Compare(youngest.number, j.number)) < 0) {
			youngest = j
		}
	}
	return youngest
}

// waits says whether the job waits for a turn, its first or one of its host's share.
func (j *job) waits() bool { return !j.started || j.queued != "" }

// hasMore says whether a client has more jobs than its equal part of the limit would
// be with one more client, and than the newcomer would have then.
func (s *jobs) hasMore(client, newcomer thumb.Client) bool {
	n := s.byClient[client]
	return n > s.limit/(len(s.byClient)+1) && n > s.byClient[newcomer]+1
}

// handTo makes the job of a capture that another client asks for as well that client's,
// where it was nobody's, or where that client has fewer in hand: it is not to wait behind
// all that the first one asked for.
func (s *jobs) handTo(j *job, client thumb.Client) {
	of := j.of()
	if client == thumb.Nobody || client == of || of != thumb.Nobody && s.byClient[client]+1 >= s.byClient[of] {
		return
	}
	s.uncount(of)
	s.assign(j, client)
	s.promote()
}

// assign counts a job as the client's.
func (s *jobs) assign(j *job, client thumb.Client) {
	j.client.Store(uint64(client))
	s.byClient[client]++
}

// uncount takes back that a job is the client's.
func (s *jobs) uncount(client thumb.Client) {
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}

// greediest returns the host for which most jobs wait, where they are more than each
// host's equal part of the limit would be with one more host; "" where none is.
func (s *jobs) greediest() (greediest string) {
	byHost := map[string]int{}
	for _, j := range s.byTarget {
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
