package imaging

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// want asks for a label, when no job is in hand, and checks what comes of it. The
// test must be in a bubble.
func (c *coldPath) want(t *testing.T, id thumb.ID, position int, want error) Thumbnail {
	t.Helper()
	synctest.Wait()
	made, err := c.Thumbnail(t.Context(), id, position)
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf("capture %d: %v, want %v", id, err, want)
	}
	return made
}

// opens counts, in the test's storage, what is fetched.
func (c *coldPath) opens() *int {
	n := new(int)
	c.storage.fail = func(_ context.Context, operation string) error {
		if operation == "open" {
			*n++
		}
		return nil
	}
	return n
}

func TestUnavailableOriginalIsTriedAgainAfterAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "a photo")
		fetches, down := 0, true
		c.storage.fail = func(_ context.Context, operation string) error {
			if operation != "open" {
				return nil
			}
			fetches++
			if down {
				return errors.New("connection refused")
			}
			return nil
		}
		for range 10 {
			c.want(t, 1, small, thumb.ErrOriginalUnavailable)
			c.want(t, 1, medium, thumb.ErrOriginalUnavailable)
			c.Prefetch(1, large)
		}
		if fetches != 1 || c.database.taken != 1 {
			t.Errorf("%d fetches and %d leases for 20 requests, want 1 and 1", fetches, c.database.taken)
		}
		time.Sleep(29 * time.Second)
		c.want(t, 1, small, thumb.ErrOriginalUnavailable)
		if fetches != 1 {
			t.Errorf("%d fetches within source.retry_after", fetches)
		}
		down = false
		time.Sleep(time.Second)
		c.want(t, 1, small, nil)
	})
}

// An unusable original is not fetched again until its capture changes. What that
// costs: nothing for a minute, then one lease.
func TestUnusableOriginalIsRememberedUntilItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "broken")
		opens := c.opens()
		for range 100 {
			c.want(t, 1, small, thumb.ErrOriginalUnusable)
			c.want(t, 1, medium, thumb.ErrOriginalUnusable)
		}
		if *opens != 1 || c.database.taken != 1 {
			t.Errorf("%d fetches and %d leases, want 1 and 1", *opens, c.database.taken)
		}
		for range 48 {
			time.Sleep(30 * time.Minute)
			c.want(t, 1, small, thumb.ErrOriginalUnusable)
		}
		if *opens != 1 || c.database.taken != 49 {
			t.Errorf("%d fetches and %d leases after a day, want 1 and 49", *opens, c.database.taken)
		}
		// It changes, and nobody says so: seen within a minute.
		c.storage.put("uploads/1.jpg", "a photo")
		c.database.edit(1, func(w *thumb.Work) { w.Capture.LastModified = noon.Add(time.Hour) })
		c.want(t, 1, small, thumb.ErrOriginalUnusable)
		time.Sleep(time.Minute)
		c.want(t, 1, small, nil)
	})
}

func TestNotificationsEndWhatIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		opens := c.opens()
		heal := func(id thumb.ID) {
			c.storage.put(fmt.Sprintf("uploads/%d.jpg", id), "a photo")
			c.database.edit(id, func(w *thumb.Work) { w.Original.PublicBaseURL, w.Capture.LastModified = "/media/", noon.Add(time.Hour) })
		}
		for id := thumb.ID(1); id <= 3; id++ {
			c.stored(id, "broken")
		}
		c.database.edit(3, func(w *thumb.Work) { w.Original.PublicBaseURL = "gopher://h/" })
		c.want(t, 1, small, thumb.ErrOriginalUnusable)
		c.want(t, 2, small, thumb.ErrOriginalUnusable)
		c.want(t, 3, small, thumb.ErrOriginalUnavailable)
		// A change of something else: looked at, and not fetched again.
		c.Changed([]thumb.ID{1})
		c.want(t, 1, small, thumb.ErrOriginalUnusable)
		if *opens != 2 {
			t.Errorf("%d fetches, want 2", *opens)
		}
		heal(1)
		c.Changed([]thumb.ID{1, 4})
		c.want(t, 1, small, nil)
		heal(2)
		c.ChangedAll()
		c.want(t, 2, small, nil)
		heal(3)
		c.Changed([]thumb.ID{3})
		c.want(t, 3, small, nil)
	})
}

// An original that only the app may render is fetched once, and left to the app until
// its capture changes. What the app refuses, it is not asked for again; where it fails,
// it is asked again after a while.
func TestOriginalForTheAppIsRememberedUntilItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newColdPath(t)
		c.stored(1, "foreign")
		opens := c.opens()
		for range 20 {
			c.want(t, 1, small, thumb.ErrOriginalForApp)
			c.want(t, 1, medium, thumb.ErrOriginalForApp)
			c.Prefetch(1, large)
		}
		if *opens != 1 || c.database.taken != 1 {
			t.Errorf("%d fetches and %d leases, want 1 and 1", *opens, c.database.taken)
		}
		refused := func(err error) bool {
			return errors.Is(err, thumb.ErrOriginalUnusable) && errors.Is(err, thumb.ErrUnshowable)
		}
		c.AppFailed(1, small, false)
		c.want(t, 1, small, thumb.ErrOriginalUnavailable)
		c.want(t, 1, medium, thumb.ErrOriginalForApp)
		time.Sleep(30 * time.Second)
		c.want(t, 1, small, thumb.ErrOriginalForApp)
		c.AppFailed(1, small, true)
		for range 48 {
			if _, err := c.Thumbnail(t.Context(), 1, small); !refused(err) {
				t.Fatalf("what the app refused gives %v", err)
			}
			c.want(t, 1, medium, thumb.ErrOriginalForApp)
			c.Changed([]thumb.ID{1}) // of something else
			time.Sleep(30 * time.Minute)
		}
		if *opens != 1 {
			t.Errorf("%d fetches in a day", *opens)
		}
		c.storage.put("uploads/1.jpg", "foreign, and another")
		c.database.edit(1, func(w *thumb.Work) { w.Capture.LastModified = noon.Add(time.Hour) })
		c.want(t, 1, small, thumb.ErrOriginalForApp)
		c.storage.put("uploads/1.jpg", "a photo")
		c.database.edit(1, func(w *thumb.Work) { w.Capture.LastModified = noon.Add(2 * time.Hour) })
		c.Changed([]thumb.ID{1})
		c.want(t, 1, small, nil)
		c.AppFailed(1, small, true) // too late: it is not the app's any more
		c.want(t, 1, small, nil)
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	f := newFailures(time.Hour, maxKept)
	for id := thumb.ID(1); id <= maxRemembered+10; id++ {
		f.rememberUnavailable(id, thumb.ErrOriginalUnavailable)
	}
	if n, _ := f.state(); n != maxRemembered {
		t.Errorf("%d are remembered", n)
	}
	if _, _, found := f.recall(10, 0); found {
		t.Error("the oldest are not the first to go")
	}
	for id := thumb.ID(1); id <= 40; id++ {
		f.rememberPicture(id, 0, make([]byte, 1<<20))
		f.rememberPicture(id, 0, make([]byte, 1<<20))
	}
	if _, kept := f.state(); kept != maxKept {
		t.Errorf("%d bytes are kept, the limit is %d", kept, maxKept)
	}
	for id := thumb.ID(1); id <= 40; id++ {
		f.changed(id)
	}
	if _, kept := f.state(); kept != 0 {
		t.Errorf("%d bytes are kept of nothing", kept)
	}
}
