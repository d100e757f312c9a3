package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"context"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// TestFailuresAreListedByCause: whatever keeps a thumbnail from being made is counted under
// its cause once, and listed with the capture, and neither says what is secret.
func TestFailuresAreListedByCause(t *testing.T) {
	t.Parallel()
	var down atomic.Value // the operation that fails; jobs still end while it changes
	down.Store("")
	failing := func(operation string) error {
		if operation == down.Load() {
			return errors.New("gone")
		}
		return nil
	}
	c := newColdPath(t, func(cfg *Config, deps *Deps) {
		deps.Database.(*memoryDatabase).fail = failing
		deps.Storage.(*memoryStorage).fail = func(_ context.Context, operation string) error { return failing(operation) }
		cfg.Source.MaxBytes, cfg.Source.MaxRedirects = 64<<10, 0
	})
	c.inspect = inspectOriginal
	var whole bytes.Buffer
	if err := jpeg.Encode(&whole, image.NewRGBA(image.Rect(0, 0, 640, 480)), nil); err != nil {
		t.Fatal(err)
	}
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/whole":
			_, _ = w.Write(whole.Bytes())
		case "/cut":
			_, _ = w.Write(whole.Bytes()[:whole.Len()/2])
		case "/large":
			_, _ = w.Write(make([]byte, 65<<10))
		case "/text":
			_, _ = w.Write([]byte("no image"))
		case "/foreign":
			_, _ = w.Write([]byte("\x00\x00\x00\x0cjP  \r\n\x87\n" + strings.Repeat("\x00", 100)))
		case "/broken":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("a few"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(host.Close)
	secret := strings.Replace(host.URL, "http://", "http://user:hunter2@", 1) + "/"
	gone := httptest.NewServer(nil)
	gone.Close()
	want := map[Cause]float64{}
	for i, try := range []struct {
		base, path string
		down       string
		cause      Cause
	}{
		{secret, "none", "", CauseRefused},
		{strings.Replace(gone.URL, "http://", "http://user:hunter2@", 1) + "/", "x", "", CauseHost},
		{secret, "broken", "", CauseHost},
		{"http://user:hunter2@169.254.169.254/", "x", "", CauseForbidden},
		{"http://user:hunter2@%zz/", "x", "", CauseRefused},
		{secret, "large", "", CauseTooBig},
		{secret, "cut", "", CauseCutOff},
		{secret, "text", "", CauseUnusable},
		{secret, "foreign", "", CauseFormat},
		{secret, "whole", "lease", CauseDatabase},
		{secret, "whole", "upsert", CauseDatabase},
		{secret, "whole", "put", CauseStorage},
		{secret, "whole", "", ""},
	} {
		id := thumb.ID(i + 1)
		c.database.add(id, try.base, try.path, noon)
		down.Store(try.down)
		_, _ = c.Thumbnail(t.Context(), id, small)
		_, _ = c.Thumbnail(t.Context(), id, small) // remembered: not another failure
		down.Store("")
		if try.cause == CauseDatabase && try.down == "lease" {
			want[try.cause]++ // nothing was remembered, so it failed twice
		}
		last := Failed{}
		if listed := c.LastFailures(); len(listed) > 0 {
			last = listed[0]
		}
		if try.cause == "" {
			if last.ID == id {
				t.Errorf("what was made is listed: %+v", last)
			}
			continue
		}
		want[try.cause]++
		if last.ID != id || last.Label != "small" || last.Cause != try.cause || last.Why == "" || strings.Contains(last.Why, "hunter2") || last.At.IsZero() {
			t.Errorf("%s%s, without %q: %+v, want %s", try.base, try.path, try.down, last, try.cause)
		}
		if f, known := c.LastFailure(id, "small"); !known || f != last {
			t.Errorf("of capture %d alone: %+v", id, f)
		}
	}
	c.AppFailed(9, small, true)
	want[CauseApp]++
	c.jobs.mu.Lock()
	c.jobs.limit = 0
	c.jobs.mu.Unlock()
	c.database.add(20, secret, "whole", noon)
	_, _ = c.Thumbnail(t.Context(), 20, medium)
	want[CauseBusy]++
	_, _ = c.Thumbnail(t.Context(), 404, small) // unknown, but for the queue
	want[CauseBusy]++
	for _, cause := range causes {
		if got := testutil.ToFloat64(c.metrics.failed[cause]); got != want[cause] {
			t.Errorf("%s: %v are counted, want %v", cause, got, want[cause])
		}
	}
	if f, _ := c.LastFailure(9, "small"); f.Cause != CauseApp {
		t.Errorf("the app refused it, and listed is %+v", f)
	}
}

// TestListOfFailuresIsBounded: a gallery of broken captures leaves the last ones, and each
// label of a capture once.
func TestListOfFailuresIsBounded(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	c := newColdPath(t, func(_ *Config, deps *Deps) {
		deps.Database.(*memoryDatabase).fail = func(string) error {
			if well.Load() {
				return nil
			}
			return errors.New(strings.Repeat("long ", 1000))
		}
	})
	for id := range thumb.ID(3 * maxLately) {
		for range 2 {
			_, _ = c.Thumbnail(t.Context(), id+1, small)
		}
	}
	listed := c.LastFailures()
	seen := map[string]bool{}
	for _, f := range listed {
		seen[fmt.Sprint(f.ID, f.Label)] = true
		if len(f.Why) > maxWhy+len("…") {
			t.Errorf("%d bytes are kept of why", len(f.Why))
		}
	}
	if len(listed) != maxLately || len(seen) != maxLately || listed[0].ID != 3*maxLately {
		t.Errorf("%d failures are listed, of %d labels, the youngest %+v", len(listed), len(seen), listed[0])
	}
	well.Store(true)
	_, _ = c.Thumbnail(t.Context(), 1000, small)
	if f := c.LastFailures()[0]; f.ID == 1000 {
		t.Errorf("a capture that does not exist is listed: %+v", f)
	}
}
