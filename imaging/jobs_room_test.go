package imaging

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A full queue makes room for a newcomer at the cost of the host that has most of it,
// and of that host's youngest; where no host has more than its share, it is full.
func TestFullQueueMakesRoomAtTheGreediestHostsCost(t *testing.T) {
	t.Parallel()
	s := idleJobs(t, 6)
	waits := func(id thumb.ID, host string) *outcome {
		o, err := s.join(t.Context(), target{id: id}, nil, small, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.start(s.byTarget[target{id: id}])
		s.queue(s.byTarget[target{id: id}], host)
		return o
	}
	outcomes := map[thumb.ID]*outcome{}
	for id, host := range map[thumb.ID]string{1: "", 2: "", 3: "a", 4: "a", 5: "b"} {
		outcomes[id] = waits(id, host)
	}
	outcomes[6] = waits(6, "a") // the youngest
	last := s.byTarget[target{id: 6}]
	newcomer, err := s.join(t.Context(), target{id: 7}, nil, small, 1)
	if err != nil {
		t.Fatalf("a newcomer is refused: %v", err)
	}
	select {
	case <-outcomes[6].done:
	default:
		t.Fatal("the youngest of the greediest host is still in hand")
	}
	if !errors.Is(outcomes[6].err, thumb.ErrBusy) || context.Cause(last.ctx) == nil {
		t.Errorf("it got %v, its context %v", outcomes[6].err, context.Cause(last.ctx))
	}
	if _, err := s.join(t.Context(), target{id: 8}, nil, small, 1); !errors.Is(err, thumb.ErrBusy) || len(s.byTarget) != 6 {
		t.Errorf("%v, and %d captures are in hand: want busy, where a third of the room is each host's share", err, len(s.byTarget))
	}
	for id, o := range outcomes {
		select {
		case <-o.done:
			if id != 6 {
				t.Errorf("capture %d was dropped", id)
			}
		default:
		}
	}
	s.end(s.byTarget[target{id: 7}], errClosed)
	<-newcomer.done
}

// One client may fill the queue while nobody else wants it, and gives way to others
// until each has its part; those do not give way to it.
func TestFullQueueMakesRoomAtTheCostOfTheClientWithTheMost(t *testing.T) {
	t.Parallel()
	s := idleJobs(t, 9)
	var id thumb.ID
	come := func(client thumb.Client, n int) (accepted int) {
		for range n {
			id++
			if _, err := s.join(t.Context(), target{id: id}, nil, small, client); err == nil {
				accepted++
			} else if !errors.Is(err, thumb.ErrBusy) {
				t.Error(err)
			}
		}
		return accepted
	}
	if n := come(1, 1000); n != 9 {
		t.Fatalf("one client alone got %d of 9", n)
	}
	for id := thumb.ID(1); id <= 3; id++ {
		s.start(s.byTarget[target{id: id}]) // and is not stopped any more
	}
	if n := come(2, 1000); n != 4 {
		t.Errorf("a second client got %d of 9 beside it, want 4", n)
	}
	if n := come(3, 1000); n != 3 {
		t.Errorf("a third one got %d, want 3", n)
	}
	if n := come(1, 1000); n != 0 {
		t.Errorf("the first one, which has its part, got %d more", n)
	}
	if diff := cmp.Diff(map[thumb.Client]int{1: 3, 2: 3, 3: 3}, s.byClient); diff != "" {
		t.Errorf("in hand of each (-want +got):\n%s", diff)
	}
	for id := thumb.ID(1); id <= 3; id++ {
		if s.byTarget[target{id: id}] == nil {
			t.Errorf("capture %d was dropped although it was worked on", id)
		}
	}
}

// idleJobs are jobs that nobody works on, so many at most.
func idleJobs(t *testing.T, limit int) *jobs {
	s := newJobs(t.Context(), func(*job) {}, func(*job) {}, NewMetrics(prometheus.NewRegistry()), unnamed())
	s.limit = limit
	return s
}

// unnamed lists failures without the labels' names.
func unnamed() *lately {
	return &lately{metrics: NewMetrics(prometheus.NewRegistry())}
}
