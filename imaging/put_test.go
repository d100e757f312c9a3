package imaging

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A disk that stands still heeds no context. Clients once waited for it until their job
// was given up after minutes. They get their pictures when render.max_wait is over, no
// more Puts than a few are ever left behind, no row is written, and all is well again
// when the disk is.
func TestDiskThatStandsStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		disk := make(chan struct{})
		var mu sync.Mutex
		stuck, most := 0, 0
		c.storage.fail = func(_ context.Context, operation string) error {
			if operation != "put" {
				return nil
			}
			mu.Lock()
			stuck++
			most = max(most, stuck)
			mu.Unlock()
			<-disk
			mu.Lock()
			stuck--
			mu.Unlock()
			return nil
		}
		began := time.Now()
		for id := thumb.ID(1); id <= 3; id++ {
			c.stored(id, "a photo")
			if made := c.get(t, id, small); made.URL != "" || len(made.JPEG) == 0 {
				t.Errorf("the disk stands still, and capture %d is %+v", id, made)
			}
		}
		if waited := time.Since(began); waited > 3*c.cfg().Render.MaxWait {
			t.Errorf("three clients waited %v, one after another", waited)
		}
		for id := thumb.ID(4); id <= 200; id++ {
			c.stored(id, "a photo")
			if made := c.get(t, id, small); made.URL != "" || len(made.JPEG) == 0 {
				t.Errorf("the disk stands still, and capture %d is %+v", id, made)
			}
			time.Sleep(3 * breakerPause) // a Put is tried again
		}
		c.idleNow(t)
		if most > mostBehind+c.turns.places {
			t.Errorf("%d Puts were left behind at once", most)
		}
		if rows := c.database.rows(); rows != 0 {
			t.Errorf("%d rows were written while nothing was stored", rows)
		}
		close(disk)
		time.Sleep(time.Minute)
		c.stored(501, "a photo")
		if c.get(t, 501, small).URL == "" || c.public.behind.Load() != 0 {
			t.Errorf("it did not recover; %d Puts are behind", c.public.behind.Load())
		}
		c.check(t)
	})
}

// idleNow waits until no job is in hand, in a bubble.
func (c *coldPath) idleNow(t *testing.T) {
	t.Helper()
	time.Sleep(2 * keepTime)
	synctest.Wait()
	if s := c.State(); s.Captures.Now != 0 || s.Working.Now != 0 {
		t.Errorf("%d captures are still in hand, %d worked on", s.Captures.Now, s.Working.Now)
	}
}

// rows counts the rows of all captures.
func (d *memoryDatabase) rows() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, work := range d.captures {
		n += len(work.Capture.Rows)
	}
	return n
}
