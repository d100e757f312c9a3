package imaging

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// tight is a cold path with one worker and room for so many captures in all.
func tight(captures int) func(*Config, *Deps) {
	return func(cfg *Config, _ *Deps) { cfg.Render.Workers, cfg.Render.Queue = 1, captures-1 }
}

func TestFullMeansBusyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, tight(2))
		goOn := make(chan struct{})
		c.decoding = func() { <-goOn }
		var all sync.WaitGroup
		for id := thumb.ID(1); id <= 3; id++ {
			c.stored(id, "a photo")
		}
		for id := thumb.ID(1); id <= 2; id++ {
			all.Go(func() { c.get(t, id, small) })
		}
		synctest.Wait()
		began := time.Now()
		if _, err := c.Thumbnail(t.Context(), 3, small); !errors.Is(err, thumb.ErrBusy) || time.Since(began) != 0 {
			t.Errorf("%v after %v, want busy at once", err, time.Since(began))
		}
		// One more label of a capture in hand takes no room.
		all.Go(func() { c.get(t, 2, medium) })
		synctest.Wait()
		close(goOn)
		all.Wait()
		synctest.Wait() // a job outlives its clients by a moment
		if made := c.get(t, 3, small); made.URL == "" {
			t.Error("it is still busy when there is room")
		}
	})
}

func TestWaitsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, tight(10))
		goOn := make(chan struct{})
		c.decoding = func() { <-goOn }
		c.stored(1, "a photo")
		c.stored(2, "a photo")
		done := make(chan struct{})
		go func() { defer close(done); c.get(t, 1, small) }()
		synctest.Wait()
		began := time.Now()
		if _, err := c.Thumbnail(t.Context(), 2, small); !errors.Is(err, errWaited) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v, want busy after render.max_wait", err, time.Since(began))
		}
		close(goOn)
		<-done
	})
}

// Renders never take more than their number and their memory, whoever asks; the
// original that is too big for all of it is refused and not waited for.
func TestRendersStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	c := newColdPath(t, func(cfg *Config, _ *Deps) { cfg.Render.Workers, cfg.Render.Memory = 3, 10<<20 })
	var running, memory, mostRunning, mostMemory atomic.Int64
	note := func(now int64, most *atomic.Int64) {
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
	}
	c.price = func(specs thumb.Specs) int64 { return int64(specs[0].Width) << 12 } // 0.94, 4 and 10 MiB
	inner := c.inspect
	c.inspect = func(original []byte, specs thumb.Specs, pixels int64) (*plan, error) {
		p, err := inner(original, specs, pixels)
		if err != nil {
			return nil, err
		}
		inside := p.render
		p.render = func(ctx context.Context, quality int) ([]render.Picture, error) {
			note(running.Add(1), &mostRunning)
			note(memory.Add(p.memory), &mostMemory)
			defer running.Add(-1)
			defer memory.Add(-p.memory)
			return inside(ctx, quality)
		}
		return p, nil
	}
	var all sync.WaitGroup
	for id := thumb.ID(1); id <= 60; id++ {
		c.stored(id, "a photo")
	}
	for id := thumb.ID(1); id <= 60; id++ {
		all.Go(func() {
			if id%2 == 0 {
				c.Prefetch(id, int(id)%3)
			}
			c.get(t, id, int(id)%3)
		})
	}
	all.Wait()
	if mostRunning.Load() > 3 || mostMemory.Load() > 10<<20 || mostRunning.Load() == 0 {
		t.Errorf("%d renders and %d bytes at once, the limits are 3 and %d", mostRunning.Load(), mostMemory.Load(), 10<<20)
	}
}

func TestClientsGoBeforePrefetches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, tight(40))
		goOn := make(chan struct{})
		var mu sync.Mutex
		var order []string
		inner := c.inspect
		c.inspect = func(original []byte, specs thumb.Specs, pixels int64) (*plan, error) {
			p, err := inner(original, specs, pixels)
			inside := p.render
			p.render = func(ctx context.Context, quality int) ([]render.Picture, error) {
				mu.Lock()
				order = append(order, string(original))
				mu.Unlock()
				<-goOn
				return inside(ctx, quality)
			}
			return p, err
		}
		for id, name := range []string{"", "first", "prefetch 2", "prefetch 3", "client 4", "prefetch 5, then client"} {
			c.stored(thumb.ID(id), name)
		}
		var all sync.WaitGroup
		all.Go(func() { c.get(t, 1, small) })
		synctest.Wait()
		for id := thumb.ID(2); id <= 3; id++ {
			c.Prefetch(id, small)
			synctest.Wait() // each has asked for its turn before the next does
		}
		c.Prefetch(5, small)
		synctest.Wait()
		all.Go(func() { c.get(t, 4, small) })
		all.Go(func() { c.get(t, 5, small) })
		synctest.Wait()
		close(goOn)
		all.Wait()
		synctest.Wait()
		// Client 4 began after prefetch 5 did: between clients, age decides.
		want := []string{"first", "prefetch 5, then client", "client 4", "prefetch 2", "prefetch 3"}
		if !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
	})
}

// Prefetches take half of the room at most, and the youngest gives way where a
// client finds none.
func TestPrefetchesAreDroppedFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, func(cfg *Config, _ *Deps) { cfg.Render.Workers, cfg.Render.Queue = 1, 19 })
		goOn := make(chan struct{})
		c.decoding = func() { <-goOn }
		for id := thumb.ID(1); id <= 40; id++ {
			c.stored(id, "a photo")
		}
		for id := thumb.ID(1); id <= 15; id++ {
			c.Prefetch(id, small)
		}
		synctest.Wait()
		if n := c.State().Captures.Now; n != 10 {
			t.Fatalf("%d prefetches are in hand, want 10 of 20", n)
		}
		if n := c.State().Working.Now; n != 3 {
			t.Fatalf("%d prefetches are worked on, want half of 6", n)
		}
		var all sync.WaitGroup
		var busy atomic.Int32
		for id := thumb.ID(21); id <= 38; id++ {
			all.Go(func() {
				if _, err := c.Thumbnail(t.Context(), id, small); err != nil {
					busy.Add(1)
				}
			})
		}
		synctest.Wait()
		// Seven prefetches waited and gave way; three had begun.
		if n := busy.Load(); n != 1 || c.State().Captures.Now != 20 {
			t.Errorf("%d clients found no room, and %d captures are in hand", n, c.State().Captures.Now)
		}
		close(goOn)
		all.Wait()
	})
}

// Originals in hand, and those being fetched, take what their gate has and not more.
func TestOriginalsStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, func(cfg *Config, _ *Deps) {
			cfg.Render.Workers, cfg.Source.MaxBytes, cfg.Render.Memory = 2, 1000, 1<<20
		})
		c.originals.bytes = 1000
		goOn := make(chan struct{})
		c.decoding = func() { <-goOn }
		var all sync.WaitGroup
		for id := thumb.ID(1); id <= 9; id++ {
			c.stored(id, string(make([]byte, 400)))
			all.Go(func() { c.get(t, id, small) })
		}
		synctest.Wait()
		if s := c.State(); s.Originals.Now != 800 || s.Working.Now != 9 {
			t.Errorf("%d bytes of originals are in hand for %d captures, want 800 for 9", s.Originals.Now, s.Working.Now)
		}
		close(goOn)
		all.Wait()
		synctest.Wait()
		if s := c.State(); s.Originals.Now != 0 {
			t.Errorf("%d bytes are never given back", s.Originals.Now)
		}
	})
}
