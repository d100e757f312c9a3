package imaging

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestOneCaptureIsFetchedAndDecodedOnce(t *testing.T) {
	t.Parallel()
	c := newColdPath(t)
	c.fetched(t, 1, "a photo")
	// Nothing begins before everybody has asked.
	held := make(chan struct{})
	c.database.fail = func(operation string) error {
		if operation == "lease" {
			<-held
		}
		return nil
	}
	var all sync.WaitGroup
	urls := make([]string, 60)
	for i := range urls {
		all.Go(func() { urls[i] = c.get(t, 1, i%3).URL })
	}
	eventually.Holds(t, "all three labels are asked for", func() bool {
		c.jobs.mu.Lock()
		defer c.jobs.mu.Unlock()
		return c.jobs.byTarget[target{id: 1, by: c.View().by}] != nil && c.jobs.byTarget[target{id: 1, by: c.View().by}].wanted == 7
	})
	close(held)
	all.Wait()
	for i, url := range urls {
		if url == "" || url != urls[i%3] {
			t.Errorf("client %d got %q, another of its label %q", i, url, urls[i%3])
		}
	}
	if n := c.origin.fetchesOf(1); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	if n := c.decodes.Load(); n != 1 {
		t.Errorf("%d decodings, want 1", n)
	}
	if c.database.upserts != 3 || c.storage.puts != 3 {
		t.Errorf("%d rows and %d files were written, want 3 and 3", c.database.upserts, c.storage.puts)
	}
	c.check(t)
}

// A label that is asked for when decoding has begun is made from the same bytes.
func TestLateLabelIsMadeFromTheSameBytes(t *testing.T) {
	t.Parallel()
	c := newColdPath(t)
	c.fetched(t, 1, "a photo")
	decoding, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c.decoding = func() {
		once.Do(func() { close(decoding); <-goOn })
	}
	var all sync.WaitGroup
	all.Go(func() { c.get(t, 1, small) })
	<-decoding
	all.Go(func() { c.get(t, 1, medium) })
	eventually.Holds(t, "the other label waits", func() bool {
		c.jobs.mu.Lock()
		defer c.jobs.mu.Unlock()
		return c.jobs.byTarget[target{id: 1, by: c.View().by}].wanted == labelAt(medium)
	})
	close(goOn)
	all.Wait()
	if n, decodes := c.origin.fetchesOf(1), c.decodes.Load(); n != 1 || decodes != 2 {
		t.Errorf("%d fetches and %d decodings, want 1 and 2", n, decodes)
	}
	c.check(t)
}

func TestClientThatLeavesCancelsNobody(t *testing.T) {
	t.Parallel()
	c := newColdPath(t)
	c.stored(1, "a photo")
	decoding, goOn := make(chan struct{}), make(chan struct{})
	c.decoding = func() { close(decoding); <-goOn }
	first, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := c.Thumbnail(first, 1, small)
		left <- err
	}()
	<-decoding
	second := make(chan Thumbnail)
	go func() { second <- c.get(t, 1, small) }()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) || !errors.Is(err, thumb.ErrBusy) {
		t.Errorf("the one who left got %v", err)
	}
	close(goOn)
	if made := <-second; made.URL == "" {
		t.Error("the one who stayed got nothing")
	}
}

func TestPanicFreesEverybody(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]error{"render": thumb.ErrOriginalUnusable, "inspect": thumb.ErrBusy, "lease": thumb.ErrBusy, "put": nil} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			c := newColdPath(t)
			c.stored(1, "a photo")
			switch where {
			case "render":
				c.decoding = func() { panic("a bug") }
			case "inspect":
				c.inspect = func([]byte, thumb.Specs, int64) (*plan, error) { panic("a bug") }
			case "lease":
				c.database.fail = func(operation string) error {
					if operation == "lease" {
						panic("a bug")
					}
					return nil
				}
			case "put":
				c.storage.fail = func(_ context.Context, operation string) error {
					if operation == "put" {
						panic("a bug")
					}
					return nil
				}
			}
			made, err := c.Thumbnail(t.Context(), 1, small)
			if !errors.Is(err, want) {
				t.Errorf("the client got %v, want %v", err, want)
			}
			if want == nil && string(made.JPEG) != "small of a photo" {
				t.Errorf("the client got %q, want the picture", made.JPEG)
			}
			eventually.Holds(t, "everything is given back", func() bool {
				return c.State() == State{
					Captures: Gauge{0, 258}, Working: Gauge{0, 24}, Workers: Gauge{0, 2}, Memory: Gauge{0, 512 << 20},
					Originals: Gauge{0, 128 << 20}, Kept: Gauge{c.State().Kept.Now, maxKept}, Failures: Gauge{c.State().Failures.Now, maxRemembered}, LeftAlone: Gauge{0, source.MaxSilent},
				}
			})
		})
	}
}

// A step that never returns holds what it holds, but nobody who waits. Where it is the
// storage's, the picture is there.
func TestHangFreesEverybody(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"render", "put", "open"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newColdPath(t)
				c.stored(1, "a photo")
				never := make(chan struct{})
				defer synctest.Wait()
				defer close(never)
				if where == "render" {
					c.decoding = func() { <-never }
				} else {
					c.storage.fail = func(_ context.Context, operation string) error {
						if operation == where {
							<-never
						}
						return nil
					}
				}
				began := time.Now()
				made, err := c.Thumbnail(t.Context(), 1, small)
				if kept := where == "put"; kept && len(made.JPEG) == 0 || !kept && !errors.Is(err, thumb.ErrBusy) {
					t.Errorf("the client got %v", err)
				}
				if waited := time.Since(began); waited > 5*time.Minute {
					t.Errorf("it waited %v", waited)
				}
			})
		})
	}
}

// Labels that are too big together are made one after the other, and one that is
// too big alone does not take the others with it.
func TestLabelThatIsTooBigFailsAlone(t *testing.T) {
	t.Parallel()
	c := newColdPath(t, func(cfg *Config, _ *Deps) { cfg.Render.Memory = 10 << 20 })
	c.stored(1, "a photo")
	c.price = func(specs thumb.Specs) int64 {
		if specs.Index("large") >= 0 {
			return 11 << 20
		}
		return int64(len(specs)) * 6 << 20
	}
	held := make(chan struct{})
	c.database.fail = func(operation string) error {
		if operation == "lease" {
			<-held
		}
		return nil
	}
	var results [3]error
	var all sync.WaitGroup
	for position := range results {
		all.Go(func() { _, results[position] = c.Thumbnail(t.Context(), 1, position) })
	}
	eventually.Holds(t, "all three labels are asked for", func() bool {
		c.jobs.mu.Lock()
		defer c.jobs.mu.Unlock()
		return c.jobs.byTarget[target{id: 1, by: c.View().by}] != nil && c.jobs.byTarget[target{id: 1, by: c.View().by}].wanted == 7
	})
	close(held)
	all.Wait()
	if results[small] != nil || results[medium] != nil || !errors.Is(results[large], thumb.ErrOriginalUnusable) {
		t.Errorf("small %v, medium %v, large %v", results[small], results[medium], results[large])
	}
	c.check(t)
}

// The real engine, on a real photo.
func TestRealPicture(t *testing.T) {
	t.Parallel()
	c := newColdPath(t)
	c.inspect = inspectOriginal
	var fetches atomic.Int32
	c.storage.fail = func(_ context.Context, operation string) error {
		if operation == "open" {
			fetches.Add(1)
		}
		return nil
	}
	c.stored(1, photo(t, "night_4096x2160.jpg"))
	c.stored(2, photo(t, "bad/half.jpg"))
	made := c.get(t, 1, small)
	row := c.database.row(1, "small")
	if made.URL != "/media/"+row.Path || row.Width != 240 || row.Height < 126 || row.Height > 128 || !row.LastModified.Equal(noon) {
		t.Errorf("%q, row %+v", made.URL, row)
	}
	plan, err := render.Inspect(c.storage.files[row.Path], testConfig().Specs, render.Limits{MaxPixels: 1e6})
	if err != nil || plan.Width > 240 || plan.Width < 239 || plan.Height != row.Height || int64(len(c.storage.files[row.Path])) != row.Size {
		t.Errorf("the file is %dx%d, %v", plan.Width, plan.Height, err)
	}
	if _, err := c.Thumbnail(t.Context(), 2, small); !errors.Is(err, thumb.ErrOriginalUnusable) {
		t.Errorf("half a photo gives %v", err)
	}
	if n := len(c.storage.thumbnails()); n != 1 || c.database.row(2, "small") != nil {
		t.Errorf("%d files are stored, want 1", n)
	}
}
