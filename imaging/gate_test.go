package imaging

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// crowd makes jobs that go for the places of a gate, one after the other.
type crowd struct {
	*testing.T
	gate   *gate
	client thumb.Client // of who comes
	number uint64
	in     map[string][]*place // by host
	order  []string            // hosts, as they are let in
}

// come sends jobs of a host to the gate, for so many bytes each.
func (c *crowd) come(host string, jobs int, bytes int64) {
	for range jobs {
		c.number++
		j := &job{number: c.number}
		j.client.Store(uint64(c.client))
		go func() {
			p, err := c.gate.enter(c.Context(), j, host, bytes)
			if err != nil {
				return // the test is over
			}
			c.gate.mu.Lock()
			defer c.gate.mu.Unlock()
			c.in[host] = append(c.in[host], p)
			c.order = append(c.order, host)
		}()
		synctest.Wait()
	}
}

// leave lets the oldest of a host that is in leave.
func (c *crowd) leave(host string) {
	c.gate.mu.Lock()
	p := c.in[host][0]
	c.in[host] = c.in[host][1:]
	c.gate.mu.Unlock()
	p.leave()
	synctest.Wait()
}

func (c *crowd) want(want map[string]int) {
	c.Helper()
	for host, n := range want {
		if got := len(c.in[host]); got != n {
			c.Errorf("%d of %q are in, want %d", got, host, n)
		}
	}
}

func crowded(t *testing.T, g *gate, test func(c *crowd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(&crowd{T: t, gate: g, client: 1, in: map[string][]*place{}}) })
}

// One host gets half of a fair gate, two get a third each, and there is always
// something left for one more.
func TestNoHostTakesAllOfAFairGate(t *testing.T) {
	t.Parallel()
	crowded(t, &gate{places: 12, fair: true}, func(c *crowd) {
		c.come("a", 20, 0)
		c.want(map[string]int{"a": 6})
		c.come("b", 20, 0)
		c.want(map[string]int{"a": 6, "b": 3})
		for range 3 { // a shrinks to its part of what two have
			c.leave("a")
		}
		c.want(map[string]int{"a": 4, "b": 4})
		c.come("c", 1, 0)
		c.want(map[string]int{"c": 1})
		c.come("", 2, 0) // not known yet, or of no host
		c.want(map[string]int{"": 2})
	})
	crowded(t, &gate{places: 100, bytes: 1000, fair: true}, func(c *crowd) {
		c.come("a", 20, 100)
		c.want(map[string]int{"a": 5})
		c.come("b", 1, 400)
		c.want(map[string]int{"b": 1})
	})
	crowded(t, &gate{places: 100, bytes: 1000, fair: true}, func(c *crowd) {
		c.come("a", 2, 1000) // one that takes all is not kept out for ever
		c.want(map[string]int{"a": 1})
		c.leave("a")
		c.want(map[string]int{"a": 1})
	})
}

// A host that waits for its share keeps nobody else waiting, and is forgotten when it
// is gone.
func TestAssignedPlacesCountForTheirHost(t *testing.T) {
	t.Parallel()
	crowded(t, &gate{places: 4, fair: true}, func(c *crowd) {
		c.come("", 3, 0)
		for i, want := range []bool{true, true, false} {
			if got := c.in[""][i].assign("a"); got != want {
				t.Errorf("place %d is assigned: %t, want %t", i, got, want)
			}
		}
		c.come("a", 1, 0)
		c.come("b", 1, 0)
		c.want(map[string]int{"a": 0, "b": 1})
		for range 3 {
			c.leave("")
		}
		c.want(map[string]int{"a": 1})
		c.leave("a")
		c.leave("b")
		if n := len(c.gate.byHost); n != 0 {
			t.Errorf("%d hosts are remembered when nothing is in", n)
		}
	})
}

// Hosts take turns where they wait for a core, however many jobs one of them has and
// whenever they came.
func TestHostsTakeTurns(t *testing.T) {
	t.Parallel()
	for _, places := range []int{1, 2} {
		crowded(t, &gate{places: places}, func(c *crowd) {
			c.come("a", 10, 0)
			c.come("b", 2, 0)
			c.come("", 2, 0)
			for range 6 {
				c.leave(c.order[len(c.order)-places])
			}
			// a0, and a1 with two places, were in before anybody else came.
			first := c.order[places : places+6]
			for host, want := range map[string]int{"a": 2, "b": 2, "": 2} {
				if n := len(slices.DeleteFunc(slices.Clone(first), func(h string) bool { return h != host })); n != want {
					t.Errorf("%d places: %d of %q are among the next six, want %d: %q", places, n, host, want, first)
				}
			}
		})
	}
}

// Who asks for one thumbnail waits for those that are in, and not for all that another
// client has asked for before: clients take turns, whatever their hosts.
func TestClientsTakeTurns(t *testing.T) {
	t.Parallel()
	for _, places := range []int{1, 2} {
		crowded(t, &gate{places: places}, func(c *crowd) {
			c.client = 7
			c.come("a", 500, 0)
			c.come("b", 500, 0)
			c.client = 8
			c.come("its", 1, 0)
			c.client = 9
			c.come("other's", 2, 0)
			for range 6 {
				c.leave(c.order[len(c.order)-places])
			}
			for host, latest := range map[string]int{"its": places + 2, "other's": places + 2} {
				if at := slices.Index(c.order, host); at < 0 || at > latest {
					t.Errorf("%d places: %q was let in as number %d, want %d at the latest: %q", places, host, at, latest, c.order)
				}
			}
			if n := len(c.order); n != places+6 {
				t.Errorf("%d places: %d were let in when six had left: a place was free while somebody waited", places, n)
			}
			if n := len(c.gate.byClient); n > 3 {
				t.Errorf("%d clients are remembered, there were three", n)
			}
		})
	}
}

// A job that another client joins becomes that one's where it has fewer in hand: its
// turn does not come only when all that the first one asked for is done.
func TestJoinedJobsGoWithTheClientThatHasFewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, tight(300))
		var mu sync.Mutex
		var order []string
		goOn := make(chan struct{})
		c.starting = func(original string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, original)
		}
		c.decoding = func() { <-goOn }
		var all sync.WaitGroup
		for id := thumb.ID(1); id <= 200; id++ {
			c.stored(id, fmt.Sprint(id))
			all.Go(func() { _, _ = c.Renderer.Thumbnail(t.Context(), 1, id, small) })
			synctest.Wait()
		}
		all.Go(func() { _, _ = c.Renderer.Thumbnail(t.Context(), 2, 200, medium) })
		synctest.Wait()
		close(goOn)
		all.Wait()
		// Twelve turns were taken when it came.
		if at := slices.Index(order, "200"); at < 0 || at > 13 {
			t.Errorf("the joined capture was rendered as number %d of %d", at, len(order))
		}
		synctest.Wait()
		if n := len(c.jobs.byClient) + len(c.turns.byClient) + len(c.renders.byClient) + len(c.Renderer.originals.byClient); n != 0 {
			t.Errorf("%d clients are remembered when nothing is in hand", n)
		}
	})
}

// While others want a core, one place is left to them: not before, not of one that is the
// only one, and not for longer.
func TestOnePlaceIsLeftFreeWhileOthersAreBusy(t *testing.T) {
	t.Parallel()
	var others atomic.Bool
	crowded(t, &gate{places: 3, busy: others.Load}, func(c *crowd) {
		c.come("a", 9, 0)
		c.want(map[string]int{"a": 3})
		others.Store(true)
		c.leave("a")
		c.want(map[string]int{"a": 2})
		c.leave("a")
		c.want(map[string]int{"a": 2})
		others.Store(false)
		time.Sleep(busyEvery) // nothing leaves meanwhile
		synctest.Wait()
		c.want(map[string]int{"a": 3})
		others.Store(true)
		for range 3 {
			c.leave("a")
		}
		c.want(map[string]int{"a": 2})
	})
	crowded(t, &gate{places: 1, busy: func() bool { return true }}, func(c *crowd) {
		c.come("a", 2, 0)
		c.want(map[string]int{"a": 1})
	})
	set, unset := RenderConfig{Workers: 4}, RenderConfig{}
	if set.busy(others.Load) != nil || unset.busy(others.Load) == nil {
		t.Error("render.workers that is set is not what counts, or the default does not adapt")
	}
}
