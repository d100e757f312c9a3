package imaging

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestCloseDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, tight(10))
		goOn := make(chan struct{})
		c.decoding = func() { <-goOn }
		made := make(chan Thumbnail, 4)
		for id := thumb.ID(1); id <= 4; id++ {
			c.stored(id, "a photo")
			go func() { made <- c.get(t, id, small) }()
		}
		synctest.Wait()
		for id := thumb.ID(5); id <= 9; id++ {
			c.stored(id, "a photo")
			c.Prefetch(id, small)
		}
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- c.Close(t.Context()) }()
		synctest.Wait()
		if _, err := c.Thumbnail(t.Context(), 10, small); !errors.Is(err, thumb.ErrBusy) {
			t.Errorf("new work while draining: %v", err)
		}
		c.Prefetch(10, small)
		close(goOn)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		for range 4 {
			if (<-made).URL == "" {
				t.Error("work in hand was cut off")
			}
		}
		if n := len(c.database.leases); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// Where the grace is over before the work is, everybody is let go and leases are
// released; work that cannot be stopped is left behind.
func TestCloseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "a photo")
		c.stored(2, "a photo")
		never := make(chan struct{})
		c.decoding = func() { <-never }
		c.storage.fail = func(ctx context.Context, operation string) error {
			if operation == "open" && c.decodes.Load() > 0 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		errs := make(chan error, 2)
		for id := thumb.ID(1); id <= 2; id++ {
			go func() { _, err := c.Thumbnail(t.Context(), id, small); errs <- err }()
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 4*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := <-errs; !errors.Is(err, thumb.ErrBusy) {
			t.Errorf("the one that could be stopped got %v", err)
		}
		close(never)
		if err := <-errs; !errors.Is(err, thumb.ErrBusy) {
			t.Errorf("the one that could not got %v", err)
		}
		synctest.Wait()
		if n := len(c.database.leases); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}
