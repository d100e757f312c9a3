package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// removed collects what a sweep handed out.
type removed struct {
	mu    sync.Mutex
	paths []string
}

func (r *removed) remove(_ context.Context, _ thumb.ID, path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, path)
	return nil
}

func TestSweep(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	for path, after := range map[string]time.Duration{
		key(1, 1): 0, key(1, 2): 0, key(1, 3): time.Hour, key(2, 0xab): 0, // the last is named
	} {
		id := thumb.ID(1)
		if path == key(2, 0xab) {
			id = 2
		}
		if err := s.Discard(t.Context(), id, []string{path}, after); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, app, `INSERT INTO thumbedge.file_to_delete VALUES ('uploads/precious.jpg', 1, now())`)
	exec(t, app, `INSERT INTO thumbedge.lease VALUES (7, 'died', now() - interval '1 hour'), (8, 'alive', now() + interval '10 s'), (9, 'just lapsed', now() - interval '1 s')`)
	var r removed
	n, err := s.Sweep(t.Context(), 100, r.remove)
	slices.Sort(r.paths)
	if err != nil || n != 4 || !slices.Equal(r.paths, []string{key(1, 1), key(1, 2)}) {
		t.Errorf("forgot %d, removed %v, %v; want 4 and the two that are due, ours and unnamed", n, r.paths, err)
	}
	if got := recorded(t, app); !slices.Equal(got, []string{key(1, 3)}) {
		t.Errorf("left: %v", got)
	}
	if n, err := s.Sweep(t.Context(), 100, r.remove); err != nil || n != 0 {
		t.Errorf("a second sweep forgot %d, %v", n, err)
	}
	if left := ask[[]int64](t, app, `SELECT array_agg(capture_id ORDER BY capture_id) FROM thumbedge.lease`); !slices.Equal(left, []int64{8, 9}) {
		t.Errorf("leases left: %v", left)
	}
}

func TestSweepTriesAgainWhatFailed(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	for digits := range uint64(3) {
		if err := s.Discard(t.Context(), 1, []string{key(1, digits)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	broken := errors.New("storage is away")
	n, err := s.Sweep(t.Context(), 100, func(_ context.Context, _ thumb.ID, path string) error {
		if path == key(1, 1) {
			return broken
		}
		return nil
	})
	if n != 2 || !errors.Is(err, broken) || errors.Is(err, thumb.ErrDatabase) {
		t.Errorf("forgot %d, %v", n, err)
	}
	if got := ask[string](t, app, `SELECT path || ' ' || tries || ' ' || (due > now() + interval '4 min') FROM thumbedge.file_to_delete`); got != key(1, 1)+" 1 true" {
		t.Errorf("left: %s", got)
	}
	var r removed
	if n, err := s.Sweep(t.Context(), 100, r.remove); n != 0 || err != nil {
		t.Errorf("tried again at once: %d, %v", n, err)
	}
	exec(t, app, `UPDATE thumbedge.file_to_delete SET due = now()`)
	if n, err := s.Sweep(t.Context(), 100, r.remove); n != 1 || err != nil || len(r.paths) != 1 {
		t.Errorf("later: %d, %v, %v", n, r.paths, err)
	}
}

// Sweeps of several replicas at once share the files between them.
func TestSweepsAtOnce(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	exec(t, app, `INSERT INTO thumbedge.file_to_delete SELECT format('thumbnails/capture_1/small_%s.jpg', g), 1, now() FROM generate_series(1, 200) g`)
	stores := []store{newStore(t, url), newStore(t, url), newStore(t, testenv.Pgbouncer(t, url), pooled)}
	var r removed
	var all sync.WaitGroup
	for _, s := range stores {
		all.Go(func() {
			for {
				n, err := s.Sweep(t.Context(), 20, r.remove)
				if err != nil {
					t.Error(err)
				}
				if n == 0 {
					return
				}
			}
		})
	}
	all.Wait()
	slices.Sort(r.paths)
	if n := len(slices.Compact(slices.Clone(r.paths))); len(r.paths) != 200 || n != 200 {
		t.Errorf("%d files were removed, %d different ones, want 200", len(r.paths), n)
	}
}

// A file that comes to be named between the claim and the removal stays.
func TestSweepLooksRightBeforeItRemoves(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	for digits := range uint64(2) {
		if err := s.Discard(t.Context(), 1, []string{key(1, digits)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, app, `UPDATE thumbedge.file_to_delete SET due = due - interval '1 min' WHERE path = $1`, key(1, 0))
	removals := 0
	n, err := s.Sweep(t.Context(), 100, func(_ context.Context, _ thumb.ID, path string) error {
		removals++
		other := key(1, 0)
		if path == other {
			other = key(1, 1)
		}
		exec(t, app, `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) VALUES (now(), now(), $1, 'small', 240, 1, 1, 1)`, other)
		return nil
	})
	if n != 2 || removals != 1 || err != nil {
		t.Errorf("forgot %d, removed %d, %v", n, removals, err)
	}
}

func TestRowsWalksOverAll(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	exec(t, app, `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		SELECT now(), now(), 'p' || g, 'l' || g, 1, 1, 1, 1 + g % 9 FROM generate_series(1, 25) g`)
	seen, after := 0, int64(0)
	for {
		rows, err := s.Rows(t.Context(), after, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if r.ID <= after {
				t.Fatalf("row %d comes after %d", r.ID, after)
			}
			if after = r.ID; r.Path == smallOf2 && (r.CaptureID != 2 || r.Width != 240 || !r.LastModified.Equal(noon) || !r.CaptureModified.Equal(noon)) {
				t.Errorf("the row is %+v", r)
			}
			seen++
		}
	}
	if seen != 27 {
		t.Errorf("%d rows, want 27", seen)
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	url, _ := migrated(t)
	s := newStore(t, url)
	named, err := s.Named(t.Context(), []string{smallOf2, key(2, 1), key(1, 0xab), "thumbnails/capture_2/medium.jpg", "elsewhere.jpg", "thumbnails/capture_02/small.jpg"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		smallOf2: true, "thumbnails/capture_2/medium.jpg": true, key(2, 1): false, key(1, 0xab): false,
		"elsewhere.jpg": true, "thumbnails/capture_02/small.jpg": true, // in no capture's folder: not ours to delete
	} {
		if named[path] != want {
			t.Errorf("%s: named %t, want %t", path, named[path], want)
		}
	}
}

func TestDeleteRowThatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	id := ask[int64](t, app, `SELECT id FROM main_sourceimagethumbnail WHERE path = $1`, smallOf2)
	if deleted, err := s.DeleteRow(t.Context(), id, "another"); err != nil || deleted {
		t.Errorf("a row that names another file: %t, %v", deleted, err)
	}
	if deleted, err := s.DeleteRow(t.Context(), id, smallOf2); err != nil || !deleted {
		t.Errorf("%t, %v", deleted, err)
	}
	if n := ask[int](t, app, `SELECT count(*) FROM main_sourceimagethumbnail`); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
}

func TestRemember(t *testing.T) {
	t.Parallel()
	url, _ := migrated(t)
	for name, s := range map[string]store{"direct": newStore(t, url), "pooled": newStore(t, testenv.Pgbouncer(t, url), pooled)} {
		if value, err := s.Remembered(t.Context(), name); err != nil || value != nil {
			t.Errorf("nothing yet: %s, %v", value, err)
		}
		for i := range 2 {
			want := fmt.Sprintf(`{"after": %d}`, i)
			if err := s.Remember(t.Context(), name, []byte(want)); err != nil {
				t.Fatal(err)
			}
			if value, err := s.Remembered(t.Context(), name); err != nil || string(value) != want {
				t.Errorf("%s, %v; want %s", value, err, want)
			}
		}
	}
}
