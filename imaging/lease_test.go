package imaging

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// replicas starts several cold paths on one database and one storage.
func replicas(t *testing.T, n int, edit ...func(*Config, *Deps)) []*coldPath {
	t.Helper()
	first := newColdPath(t, edit...)
	all := []*coldPath{first}
	for range n - 1 {
		other := newColdPath(t, append(slices.Clone(edit), func(_ *Config, deps *Deps) {
			deps.Database, deps.Storage = first.database, first.storage
		})...)
		other.database, other.storage = first.database, first.storage
		all = append(all, other)
	}
	return all
}

func TestReplicasRenderEachCaptureOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		three := replicas(t, 3)
		var fetches atomic.Int32
		three[0].database.fail = func(operation string) error {
			if operation == "upsert" {
				time.Sleep(20 * time.Millisecond) // by the test's clock
			}
			return nil
		}
		for id := thumb.ID(1); id <= 20; id++ {
			three[0].stored(id, "a photo")
		}
		var all sync.WaitGroup
		urls := [3][21]string{}
		for i, c := range three {
			c.decoding = func() { fetches.Add(1); time.Sleep(30 * time.Millisecond) }
			for id := thumb.ID(1); id <= 20; id++ {
				all.Go(func() { urls[i][id] = c.get(t, id, small).URL })
			}
		}
		all.Wait()
		if n := fetches.Load(); n != 20 {
			t.Errorf("%d decodings for 20 captures", n)
		}
		if urls[0] != urls[1] || urls[1] != urls[2] {
			t.Error("replicas send clients to different files")
		}
		three[0].check(t)
	})
}

// A notification of the row, and not the next look, ends the wait for another
// replica.
func TestNotificationEndsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		two := replicas(t, 2)
		two[0].stored(1, "a photo")
		goOn := make(chan struct{})
		two[0].decoding = func() { <-goOn }
		var all sync.WaitGroup
		all.Go(func() { two[0].get(t, 1, small) })
		synctest.Wait()
		var waited time.Duration
		all.Go(func() {
			began := time.Now()
			two[1].get(t, 1, small)
			waited = time.Since(began)
		})
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		two[1].Changed([]thumb.ID{1})
		all.Wait()
		if waited != 0 {
			t.Errorf("it went on waiting for %v", waited)
		}
	})
}

// A replica that dies with the lease in hand is followed by another within 10 s,
// which is within render.max_wait.
func TestDeadHoldersLeaseLapses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "a photo")
		if work, err := c.database.Lease(t.Context(), 1, "the dead", leaseTTL); err != nil || !work.Held {
			t.Fatal(work, err)
		}
		began := time.Now()
		c.get(t, 1, small)
		if took := time.Since(began); took < 7*time.Second || took > 9*time.Second {
			t.Errorf("it took over after %v", took)
		}
	})
}

// One that lives keeps its lease for as long as it works, and gives it back.
func TestLivingHolderKeepsItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		two := replicas(t, 2)
		two[0].stored(1, "a photo")
		two[0].decoding = func() { time.Sleep(40 * time.Second) }
		done := make(chan struct{})
		go func() { defer close(done); two[0].get(t, 1, small) }()
		synctest.Wait()
		for range 3 {
			began := time.Now()
			if _, err := two[1].Thumbnail(t.Context(), 1, small); !errors.Is(err, errLeased) || time.Since(began) != 10*time.Second {
				t.Errorf("the other replica got %v after %v", err, time.Since(began))
			}
		}
		<-done
		synctest.Wait()
		if n := len(two[0].database.leases); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// Waiting for another replica takes no turn from anybody.
func TestWaitForAnotherReplicaTakesNoTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, tight(30))
		for id := thumb.ID(1); id <= 20; id++ {
			c.stored(id, "a photo")
			_, _ = c.database.Lease(t.Context(), id, "another", time.Hour)
		}
		var all sync.WaitGroup
		for id := thumb.ID(1); id <= 20; id++ {
			all.Go(func() {
				if _, err := c.Thumbnail(t.Context(), id, small); !errors.Is(err, errLeased) {
					t.Errorf("capture %d: %v", id, err)
				}
			})
		}
		synctest.Wait()
		c.stored(21, "a photo")
		began := time.Now()
		c.get(t, 21, small)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("a free capture took %v behind those that wait", took)
		}
		all.Wait()
	})
}

// What the statement that takes the lease says decides: labels that are there by
// now are not made again, and of a capture that is not public nothing is.
func TestLeasesAnswerDecides(t *testing.T) {
	t.Parallel()
	c := newColdPath(t)
	c.stored(1, "a photo")
	c.storage.put("thumbnails/legacy.jpg", "made by the app")
	c.database.edit(1, func(w *thumb.Work) {
		w.Capture.Rows = []thumb.Row{{Label: "small", Path: "thumbnails/legacy.jpg", Width: 240, LastModified: noon}}
	})
	if made := c.get(t, 1, small); made.URL != "/media/thumbnails/legacy.jpg" || c.decodes.Load() != 0 {
		t.Errorf("%+v after %d decodings", made, c.decodes.Load())
	}
	c.idle(t)
	// Another configuration's width, rendered just now: left alone (no ping-pong).
	c.database.edit(1, func(w *thumb.Work) { w.Capture.Rows[0].Width, w.Capture.Rows[0].UpdatedAt = 320, time.Now() })
	if made := c.get(t, 1, small); made.URL != "/media/thumbnails/legacy.jpg" || c.decodes.Load() != 0 {
		t.Errorf("%+v after %d decodings", made, c.decodes.Load())
	}
	c.idle(t)
	c.database.edit(1, func(w *thumb.Work) { w.Capture.Rows[0].UpdatedAt = time.Now().Add(-time.Hour) })
	if made := c.get(t, 1, small); made.URL == "/media/thumbnails/legacy.jpg" || c.decodes.Load() != 1 {
		t.Errorf("%+v after %d decodings", made, c.decodes.Load())
	}
	c.idle(t)
	c.database.edit(1, func(w *thumb.Work) { w.Capture.Public = false })
	if _, err := c.Thumbnail(t.Context(), 1, medium); !errors.Is(err, thumb.ErrNotPublic) {
		t.Errorf("not public: %v", err)
	}
	if _, err := c.Thumbnail(t.Context(), 99, small); !errors.Is(err, thumb.ErrUnknownCapture) {
		t.Errorf("unknown: %v", err)
	}
	c.idle(t)
	c.database.fail = func(string) error { return errors.New("gone") }
	if _, err := c.Thumbnail(t.Context(), 1, medium); !errors.Is(err, thumb.ErrDatabase) {
		t.Errorf("no database: %v", err)
	}
}

// The row carries the version that was read before the fetch, so an original that
// is replaced during the render makes a stale row, which the next request heals.
// The database's clock counts only where the app has no time, whatever ours says.
func TestRowCarriesTheVersionReadBeforeTheFetch(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{0, -5 * time.Second, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := newColdPath(t)
			c.database.skew = skew
			c.stored(1, "the old photo")
			c.decoding = func() {
				c.database.edit(1, func(w *thumb.Work) { w.Capture.LastModified = noon.Add(time.Second) })
				c.decoding = func() {}
			}
			c.get(t, 1, small)
			synctest.Wait() // the job is over
			row := c.database.row(1, "small")
			if !row.LastModified.Equal(noon) || thumb.Judge(row, c.cfg().Specs[small], noon.Add(time.Second)) != thumb.Stale {
				t.Errorf("skew %v: the row's version is %v", skew, row.LastModified)
			}
			c.get(t, 1, small)
			if row := c.database.row(1, "small"); !row.LastModified.Equal(noon.Add(time.Second)) {
				t.Errorf("skew %v: healed to %v", skew, row.LastModified)
			}
			c.stored(2, "a photo")
			c.database.edit(2, func(w *thumb.Work) { w.Capture.LastModified = time.Time{} })
			c.get(t, 2, small)
			if row := c.database.row(2, "small"); !row.LastModified.Equal(c.database.now()) {
				t.Errorf("skew %v: without a time of the app's, the version is %v", skew, row.LastModified)
			}
		})
	}
}
