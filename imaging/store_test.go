package imaging

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Record, store, confirm, upsert: wherever the process dies, no row names a missing
// file, and a file that no row names is recorded for deletion.
func TestWhereverItStops(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"leased", "fetched", "rendered", "recorded", "stored", "upserted"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hooked, goOn := make(chan struct{}), make(chan struct{})
				defer close(goOn)
				c := newColdPath(t, func(_ *Config, deps *Deps) {
					deps.Hook = func(at string) {
						if at == step {
							close(hooked)
							<-goOn // dead, as far as anybody can see by then
						}
					}
				})
				c.stored(1, "a photo")
				go func() { _, _ = c.Thumbnail(t.Context(), 1, small) }()
				<-hooked
				c.check(t)
				for _, key := range c.storage.thumbnails() {
					row := c.database.row(1, "small")
					if _, recorded := c.database.files[key]; !recorded && (row == nil || row.Path != key) {
						t.Errorf("%s is nobody's, and nobody will find it", key)
					}
				}
			})
		})
	}
}

// A storage that fails gives no row, one attempt for source.retry_after, and the
// picture to everybody meanwhile.
func TestStorageThatFails(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"put", "put done"} {
		synctest.Test(t, func(t *testing.T) {
			c := newColdPath(t)
			c.stored(1, "a photo")
			puts, down := 0, true
			c.storage.fail = func(_ context.Context, operation string) error {
				if operation == when {
					puts++
					if down {
						return errors.New("500")
					}
				}
				return nil
			}
			for range 5 {
				if made := c.want(t, 1, small, nil); made.URL != "" || string(made.JPEG) != "small of a photo" {
					t.Errorf("the client got %+v", made)
				}
			}
			if puts != 1 || c.decodes.Load() != 1 || c.database.row(1, "small") != nil {
				t.Errorf("%d puts, %d decodings, row %v; want 1, 1 and none", puts, c.decodes.Load(), c.database.row(1, "small"))
			}
			for _, key := range c.storage.thumbnails() {
				if _, recorded := c.database.files[key]; !recorded {
					t.Errorf("%s may be there, and is not recorded for deletion", key)
				}
			}
			down = false
			time.Sleep(30 * time.Second)
			if made := c.want(t, 1, small, nil); made.URL == "" {
				t.Error("it did not recover")
			}
			c.check(t)
		})
	}
}

// Labels of a pass go together, but one that storage does not take leaves the other
// its row.
func TestOneOfTwoLabelsIsNotStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "a photo")
		asked := make(chan struct{})
		var recorded, upserted atomic.Int32
		c.database.fail = func(operation string) error {
			switch operation {
			case "lease":
				<-asked
			case "discard":
				recorded.Add(1)
			case "upsert":
				upserted.Add(1)
			}
			return nil
		}
		var failed atomic.Bool
		c.storage.fail = func(_ context.Context, operation string) error {
			if operation == "put" && failed.CompareAndSwap(false, true) {
				return errors.New("500")
			}
			return nil
		}
		var all sync.WaitGroup
		var made [2]Thumbnail
		for position := range made {
			all.Go(func() { made[position] = c.get(t, 1, position) })
		}
		synctest.Wait()
		close(asked)
		all.Wait()
		if (made[small].URL == "") == (made[medium].URL == "") || (made[small].JPEG == nil) == (made[medium].JPEG == nil) {
			t.Errorf("small %+v, medium %+v; want a URL and a picture", made[small], made[medium])
		}
		if recorded.Load() != 1 || upserted.Load() != 1 || c.database.upserts != 1 {
			t.Errorf("%d calls to record, %d to upsert, %d rows; want one each", recorded.Load(), upserted.Load(), c.database.upserts)
		}
		c.check(t)
	})
}

// An upsert whose fate is unknown: the row may name the file, so the file stays
// until the sweep has looked, and the client has its picture.
func TestUpsertWithUnknownFate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []thumb.ID
		c := newColdPath(t, func(_ *Config, deps *Deps) { deps.Stored = func(id thumb.ID) { told = append(told, id) } })
		c.stored(1, "a photo")
		c.database.lost = func() error { return thumb.ErrDatabase }
		if made := c.want(t, 1, small, nil); string(made.JPEG) != "small of a photo" {
			t.Errorf("the client got %+v", made)
		}
		if !slices.Equal(told, []thumb.ID{1}) {
			t.Errorf("the warm set was told of %v", told)
		}
		c.database.lost = func() error { return nil }
		time.Sleep(48 * time.Hour) // sweeps run
		c.check(t)
		if n := len(c.database.files); n != 0 {
			t.Errorf("%d files are still recorded", n)
		}
	})
}

func TestCaptureDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t, func(_ *Config, deps *Deps) {
			database := deps.Database.(*memoryDatabase)
			deps.Hook = func(step string) {
				if step == "stored" {
					database.remove(1)
				}
			}
		})
		c.stored(1, "a photo")
		c.want(t, 1, small, thumb.ErrUnknownCapture)
		if n := len(c.storage.thumbnails()); n != 1 {
			t.Fatalf("%d files are there", n)
		}
		time.Sleep(48 * time.Hour)
		if left := c.storage.thumbnails(); len(left) != 0 {
			t.Errorf("the sweep left %v", left)
		}
	})
}

// Two versions finish in either order: the newer one's file is named, and both
// clients are sent there.
func TestOlderVersionNeverOverwritesANewerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "a photo")
		newer := "thumbnails/capture_1/small_00000000000000ff.jpg"
		c.storage.put(newer, "newer")
		c.decoding = func() {
			c.database.edit(1, func(w *thumb.Work) {
				w.Capture.LastModified = noon.Add(time.Second)
				w.Capture.Rows = []thumb.Row{{Label: "small", Path: newer, Width: 240, LastModified: noon.Add(time.Second)}}
			})
		}
		if made := c.get(t, 1, small); made.URL != "/media/"+newer {
			t.Errorf("the client is sent to %q", made.URL)
		}
		time.Sleep(48 * time.Hour)
		if left := c.storage.thumbnails(); !slices.Equal(left, []string{newer}) {
			t.Errorf("left are %v", left)
		}
	})
}

func TestReplacedFileIsSweptAndNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "a photo")
		first := c.get(t, 1, small)
		synctest.Wait() // the job is over
		c.database.edit(1, func(w *thumb.Work) { w.Capture.LastModified = noon.Add(time.Hour) })
		second := c.get(t, 1, small)
		if first.URL == second.URL {
			t.Fatal("a key was used twice")
		}
		for _, path := range []string{"uploads/1.jpg", "thumbnails/capture_2/x.jpg", "thumbnails/capture_1/", "thumbnails/capture_1/../../uploads/1.jpg"} {
			_ = c.database.Discard(t.Context(), 1, []string{path}, 0)
			c.storage.put(path, "not ours to touch")
		}
		time.Sleep(23 * time.Hour)
		if ok, _ := c.storage.Exists(t.Context(), strings.TrimPrefix(first.URL, "/media/")); !ok {
			t.Error("the replaced file went before its time")
		}
		time.Sleep(2 * time.Hour)
		if ok, _ := c.storage.Exists(t.Context(), strings.TrimPrefix(first.URL, "/media/")); ok {
			t.Error("the replaced file stays")
		}
		c.check(t)
		if ok, _ := c.storage.Exists(t.Context(), "uploads/1.jpg"); !ok || len(c.storage.thumbnails()) != 4 {
			t.Errorf("left are %v", c.storage.thumbnails())
		}
	})
}

// A storage that hangs does not keep all turns: after some failures in a row it is
// asked for one picture every few seconds.
func TestStorageThatHangsIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		var mu sync.Mutex
		puts, down := 0, true
		c.storage.fail = func(ctx context.Context, operation string) error {
			if operation != "put" {
				return nil
			}
			mu.Lock()
			puts++
			hang := down
			mu.Unlock()
			if hang {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		tried := func() int {
			mu.Lock()
			defer mu.Unlock()
			return puts
		}
		var all sync.WaitGroup
		for id := thumb.ID(1); id <= 20; id++ {
			c.stored(id, "a photo")
			all.Go(func() { _, _ = c.Thumbnail(t.Context(), id, small) })
		}
		all.Wait()
		before := tried()
		for id := thumb.ID(21); id <= 200; id++ {
			c.stored(id, "a photo")
			all.Go(func() { _, _ = c.Thumbnail(t.Context(), id, small) })
		}
		all.Wait()
		if later := tried() - before; before == 0 || later > 3 {
			t.Errorf("%d pictures were tried of 20, then %d of 180", before, later)
		}
		mu.Lock()
		down = false
		mu.Unlock()
		time.Sleep(time.Minute)
		c.stored(500, "a photo")
		c.stored(501, "a photo")
		if c.get(t, 500, small).URL == "" || c.get(t, 501, small).URL == "" {
			t.Error("it did not recover")
		}
	})
}
