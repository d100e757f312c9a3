package imaging

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A full queue makes room for a newcomer at the cost of the host that has most of it,
// and of that host's youngest; where no host has more than its share, it is full.
func TestFullQueueMakesRoomAtTheGreediestHostsCost(t *testing.T) {
	t.Parallel()
	s := &jobs{limit: 6, launch: func(*job) {}, lifetime: t.Context(), metrics: NewMetrics(prometheus.NewRegistry()), byID: map[thumb.ID]*job{}}
	waits := func(id thumb.ID, host string) *outcome {
		o, err := s.join(id, small, false)
		if err != nil {
			t.Fatal(err)
		}
		s.start(s.byID[id])
		s.queue(s.byID[id], host)
		return o
	}
	outcomes := map[thumb.ID]*outcome{}
	for id, host := range map[thumb.ID]string{1: "", 2: "", 3: "a", 4: "a", 5: "b"} {
		outcomes[id] = waits(id, host)
	}
	outcomes[6] = waits(6, "a") // the youngest
	last := s.byID[6]
	newcomer, err := s.join(7, small, false)
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
	if _, err := s.join(8, small, false); !errors.Is(err, thumb.ErrBusy) || len(s.byID) != 6 {
		t.Errorf("%v, and %d captures are in hand: want busy, where a third of the room is each host's share", err, len(s.byID))
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
	s.end(s.byID[7], errClosed)
	<-newcomer.done
}
