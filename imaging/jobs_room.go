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
	if j := s.prefetched(); j != nil {
		s.metrics.dropped.Inc()
		s.drop(j, errDropped)
		return nil
	}
	if host := s.greediest(); host != "" {
		s.metrics.limited.WithLabelValues("queue").Inc()
		s.drop(s.waiting.byHost[host].first().youngest().what, errShare)
		return nil
	}
	if j := s.youngest(); j != nil && s.hasMore(j.of(), client) {
		s.metrics.outqueued.Inc()
		s.drop(j, errMost)
		return nil
	}
	return errFull
}

// wait has a job wait in its client's line: for its first turn, or for a host's share of
// the turns.
func (s *jobs) wait(j *job, host string) {
	if !j.left {
		j.line = s.waiting.add(j.of(), host, j.number, j)
	}
}

// waitNoMore takes a job out of its line, if it waits in one.
func (s *jobs) waitNoMore(j *job) {
	if j.line != nil {
		s.waiting.remove(j.line, j.number)
		j.line = nil
	}
}

// prefetched returns the youngest prefetch that waits for its first turn; nil: there is none.
func (s *jobs) prefetched() *job {
	if l := s.waiting.byClient[thumb.Nobody][""]; l != nil {
		return l.youngest().what
	}
	return nil
}

// givesWay says whether the youngest of a line gives way before that of another: that of
// the client that has the most jobs does, and of several such the youngest of all.
func (s *jobs) givesWay(a, b *line[*job]) bool {
	return cmp.Or(cmp.Compare(s.byClient[b.client], s.byClient[a.client]), cmp.Compare(b.youngest().number, a.youngest().number)) < 0
}

// youngest returns, of the jobs that wait, the youngest of the client that has the most
// jobs; nil where none waits.
func (s *jobs) youngest() *job {
	var first *line[*job]
	for _, host := range s.waiting.byHost {
		s.waiting.compared++
		if l := host.first(); first == nil || s.givesWay(l, first) {
			first = l
		}
	}
	if first == nil {
		return nil
	}
	return first.youngest().what
}

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
	l := j.line
	s.waitNoMore(j)
	s.uncount(of)
	s.assign(j, client)
	if l != nil {
		s.wait(j, l.host)
	}
	s.promote(j)
}

// assign counts a job as the client's.
func (s *jobs) assign(j *job, client thumb.Client) {
	j.client.Store(uint64(client))
	s.byClient[client]++
	s.waiting.moved(client)
}

// uncount takes back that a job is the client's.
func (s *jobs) uncount(client thumb.Client) {
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
	s.waiting.moved(client)
}

// greediest returns the host for which most jobs wait, where they are more than each
// host's equal part of the limit would be with one more host; "" where none is.
func (s *jobs) greediest() (greediest string) {
	hosts, most := len(s.waiting.byHost), 0
	if s.waiting.byHost[""] != nil {
		hosts-- // those wait for no host's share
	}
	for host, l := range s.waiting.byHost {
		s.waiting.compared++
		if host != "" && l.n > s.limit/(hosts+1) && l.n > most {
			greediest, most = host, l.n
		}
	}
	return greediest
}

// drop ends a job for another's sake.
func (s *jobs) drop(j *job, err error) {
	s.letGo(j, err)
	j.cancel(err)
}
