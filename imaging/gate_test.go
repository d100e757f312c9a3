package imaging

import (
	"slices"
	"testing"
	"testing/synctest"
)

// crowd makes jobs that go for the places of a gate, one after the other.
type crowd struct {
	*testing.T
	gate   *gate
	number uint64
	in     map[string][]*place // by host
	order  []string            // hosts, as they are let in
}

// come sends jobs of a host to the gate, for so many bytes each.
func (c *crowd) come(host string, jobs int, bytes int64) {
	for range jobs {
		c.number++
		j := &job{number: c.number}
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
	synctest.Test(t, func(t *testing.T) { test(&crowd{T: t, gate: g, in: map[string][]*place{}}) })
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
