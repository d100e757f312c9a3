package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Two renders of different versions end with the later version, in either order.
func TestUpsertsInEitherOrder(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	early, late := row("small", key(1, 1), 240, noon), row("small", key(1, 2), 240, noon.Add(time.Second))
	for _, order := range [][]thumb.Row{{early, late}, {late, early}} {
		exec(t, app, `DELETE FROM main_sourceimagethumbnail; DELETE FROM thumbedge.file_to_delete`)
		for _, r := range order {
			upsert(t, s, 1, r)
		}
		if got := ask[string](t, app, `SELECT path FROM main_sourceimagethumbnail`); got != late.Path {
			t.Errorf("the row names %s", got)
		}
		if got := recorded(t, app); !slices.Equal(got, []string{early.Path}) {
			t.Errorf("recorded %v", got)
		}
	}
}

// The app orphans a file so: two writers both read prior P0, write P1 and P2, both delete
// P0, and P1 is nobody's. Must hold: of all the files written, one is named, and
// every other is recorded.
func TestConcurrentUpsertsOrphanNothing(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	direct, through := newStore(t, url), newStore(t, testenv.Pgbouncer(t, url), pooled)
	for id := thumb.ID(1); id <= 3; id++ { // 2 has a row already
		const writers = 16
		all := []string{}
		if id == 2 {
			all = append(all, smallOf2)
		}
		ups := make(chan thumb.Upserted)
		for i := range writers {
			path := key(id, uint64(i+1))
			all = append(all, path)
			go func() {
				s := direct
				if i%2 == 0 {
					s = through
				}
				ups <- upsert(t, s, id, row("small", path, 240, noon.Add(time.Duration(i%3)*time.Second)))
			}()
		}
		for range writers {
			<-ups
		}
		named := ask[string](t, app, `SELECT path FROM main_sourceimagethumbnail WHERE source_image_id = $1 AND label = 'small'`, int64(id))
		accounted := append(recorded(t, app), named)
		slices.Sort(all)
		slices.Sort(accounted)
		if !slices.Equal(all, accounted) {
			t.Errorf("capture %d: written %v, named or recorded %v", id, all, accounted)
		}
		exec(t, app, `DELETE FROM thumbedge.file_to_delete`)
	}
}

// The app changes, deletes or inserts the row in a transaction that is open while
// we upsert.
func TestUpsertBehindTheAppsTransaction(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql      string
		end      string
		recorded []string
	}{
		"it replaced the file":       {`UPDATE main_sourceimagethumbnail SET path = 'thumbnails/capture_2/app.jpg' WHERE source_image_id = 2 AND label = 'small'`, "COMMIT", []string{"thumbnails/capture_2/app.jpg"}},
		"it did, and rolled back":    {`UPDATE main_sourceimagethumbnail SET path = 'thumbnails/capture_2/app.jpg' WHERE source_image_id = 2 AND label = 'small'`, "ROLLBACK", []string{smallOf2}},
		"it deleted the row":         {`DELETE FROM main_sourceimagethumbnail WHERE source_image_id = 2`, "COMMIT", []string{}},
		"it inserted one":            {`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) VALUES (now(), now(), 'thumbnails/capture_2/large.jpg', 'large', 2560, 1, 1, 2)`, "COMMIT", []string{"thumbnails/capture_2/large.jpg"}},
		"it did, and rolled it back": {`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) VALUES (now(), now(), 'thumbnails/capture_2/large.jpg', 'large', 2560, 1, 1, 2)`, "ROLLBACK", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, app := migrated(t)
			s := newStore(t, url)
			label := "small"
			if strings.HasPrefix(c.sql, "INSERT") {
				label = "large"
			}
			exec(t, app, "BEGIN; "+c.sql)
			done := make(chan thumb.Upserted, 1)
			go func() { done <- upsert(t, s, 2, row(label, key(2, 1), 240, noon)) }()
			eventually.Holds(t, "the upsert waits for the app", func() bool { return waiting(t, app) == 1 })
			exec(t, app, c.end)
			if up := <-done; up != (thumb.Upserted{Path: key(2, 1), Won: true}) {
				t.Errorf("%+v", up)
			}
			if got := recorded(t, app); !slices.Equal(got, c.recorded) {
				t.Errorf("recorded %v, want %v", got, c.recorded)
			}
			if n := ask[int](t, app, `SELECT count(*) FROM main_sourceimagethumbnail WHERE source_image_id = 2 AND path = $1`, key(2, 1)); n != 1 {
				t.Errorf("%d rows name the file", n)
			}
		})
	}
}

// The foreign key fires at COMMIT; our file must not be forgotten.
func TestCaptureDeletedDuringTheRender(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	for name, s := range map[string]store{
		"directly":          newStore(t, url),
		"through pgbouncer": newStore(t, testenv.Pgbouncer(t, url), pooled),
	} {
		exec(t, app, `DELETE FROM thumbedge.file_to_delete`)
		_, err := s.Upsert(t.Context(), 999, []thumb.Row{row("small", key(999, 1), 240, noon)}, time.Hour)
		if !errors.Is(err, thumb.ErrUnknownCapture) || errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if got := recorded(t, app); !slices.Equal(got, []string{key(999, 1)}) {
			t.Errorf("%s: recorded %v", name, got)
		}
	}
	// Deleted by a transaction that is open while we upsert.
	s := newStore(t, url)
	exec(t, app, `DELETE FROM thumbedge.file_to_delete`)
	exec(t, app, `BEGIN; DELETE FROM main_sourceimagethumbnail WHERE source_image_id = 4; DELETE FROM main_sourceimage WHERE id = 4`)
	failed := make(chan error, 1)
	go func() {
		_, err := s.Upsert(t.Context(), 4, []thumb.Row{row("small", key(4, 1), 240, noon)}, time.Hour)
		failed <- err
	}()
	eventually.Holds(t, "the upsert waits at its commit", func() bool { return waiting(t, app) == 1 })
	exec(t, app, `COMMIT`)
	if err := <-failed; !errors.Is(err, thumb.ErrUnknownCapture) {
		t.Errorf("the error is %v", err)
	}
	if got := recorded(t, app); !slices.Equal(got, []string{key(4, 1)}) {
		t.Errorf("recorded %v", got)
	}
	if n := ask[int](t, app, `SELECT count(*) FROM main_sourceimagethumbnail WHERE source_image_id = 4`); n != 0 {
		t.Error("the row of a deleted capture is there")
	}
}
