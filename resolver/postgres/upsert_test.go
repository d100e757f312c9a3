package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const smallOf2 = "thumbnails/capture_2/small_00000000000000ab.jpg" // as fill has it

// key is a file of a capture's.
func key(id thumb.ID, digits uint64) string {
	return string(thumb.Keys("thumbnails/").Append(nil, id, "small", digits))
}

// recorded returns the files that are recorded for deletion.
func recorded(t testing.TB, app *pgx.Conn) []string {
	return ask[[]string](t, app, `SELECT coalesce(array_agg(path ORDER BY path), '{}') FROM thumbedge.file_to_delete`)
}

// upsert is one that is expected to succeed as a call.
func upsert(t testing.TB, s store, id thumb.ID, r thumb.Row) thumb.Upserted {
	t.Helper()
	ups, err := s.Upsert(t.Context(), id, []thumb.Row{r}, time.Hour)
	if err != nil || len(ups) != 1 {
		t.Fatal(ups, err)
	}
	return ups[0]
}

// One call writes the rows of several labels, and each has a fate of its own.
func TestUpsertOfSeveralLabels(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	for name, s := range map[string]store{
		"directly":          newStore(t, url),
		"through pgbouncer": newStore(t, testenv.Pgbouncer(t, url), pooled),
	} {
		exec(t, app, `DELETE FROM thumbedge.file_to_delete; DELETE FROM main_sourceimagethumbnail WHERE source_image_id = 2;
			INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id) VALUES
				(now(), now(), 'thumbnails/capture_2/old.jpg', 'small', 240, 1, 1, '2026-06-01 12:00Z', 2),
				(now(), now(), 'thumbnails/capture_2/later.jpg', 'medium', 1024, 1, 1, '2026-06-01 12:01Z', 2)`)
		rows := []thumb.Row{row("small", key(2, 1), 240, noon), row("medium", key(2, 2), 1024, noon), row("large", key(2, 3), 2560, noon), row("huge", key(2, 4), 4000, time.Time{})}
		if err := s.Discard(t.Context(), 2, []string{key(2, 1), key(2, 2), key(2, 3), key(2, 4)}, time.Hour); err != nil {
			t.Fatal(err)
		}
		before := s.queries.n.Load()
		ups, err := s.Upsert(t.Context(), 2, rows, time.Hour)
		if queries := s.queries.n.Load() - before; queries != 1 {
			t.Errorf("%s: %d statements, want 1", name, queries)
		}
		want := []thumb.Upserted{{Path: key(2, 1), Won: true}, {Path: "thumbnails/capture_2/later.jpg"}, {Path: key(2, 3), Won: true}, {Path: key(2, 4), Won: true}}
		if err != nil || !slices.Equal(ups, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, ups, err, want)
		}
		if got, want := recorded(t, app), []string{"thumbnails/capture_2/old.jpg", key(2, 2)}; !slices.Equal(got, want) {
			t.Errorf("%s: recorded %v, want %v", name, got, want)
		}
		named := ask[string](t, app, `SELECT string_agg(label || '=' || path, ' ' ORDER BY label) FROM main_sourceimagethumbnail WHERE source_image_id = 2`)
		if want := "huge=" + key(2, 4) + " large=" + key(2, 3) + " medium=thumbnails/capture_2/later.jpg small=" + key(2, 1); named != want {
			t.Errorf("%s: the rows name %s, want %s", name, named, want)
		}
	}
}

func TestUpsertInsertsThenOverwrites(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	for id, s := range map[thumb.ID]store{
		1: newStore(t, url),
		3: newStore(t, testenv.Pgbouncer(t, url), pooled),
	} {
		exec(t, app, `DELETE FROM thumbedge.file_to_delete`)
		first := upsert(t, s, id, row("small", key(id, 1), 240, noon))
		if want := (thumb.Upserted{Path: key(id, 1), Won: true}); first != want || len(recorded(t, app)) != 0 {
			t.Errorf("a new row: %+v, recorded %v", first, recorded(t, app))
		}
		describe := func() string {
			return ask[string](t, app, `SELECT format('%s %s %s %s %s %s', path, width, height, size, last_modified = '2026-06-01 12:00Z', source_image_id)
				FROM main_sourceimagethumbnail WHERE source_image_id = $1 AND label = 'small'`, int64(id))
		}
		if got, want := describe(), fmt.Sprintf("%s 240 120 1000 t %d", key(id, 1), id); got != want {
			t.Errorf("the row is %q, want %q", got, want)
		}
		identity := func() string {
			return ask[string](t, app, `SELECT id || ' ' || created_at FROM main_sourceimagethumbnail WHERE source_image_id = $1`, int64(id))
		}
		before := identity()
		exec(t, app, `UPDATE main_sourceimagethumbnail SET updated_at = '2000-01-01' WHERE source_image_id = $1`, int64(id))
		second := upsert(t, s, id, row("small", key(id, 2), 240, noon))
		if want := (thumb.Upserted{Path: key(id, 2), Won: true}); second != want {
			t.Errorf("a row of the same version: %+v, want it overwritten", second)
		}
		if identity() != before {
			t.Errorf("the row was %s, is %s", before, identity())
		}
		if !ask[bool](t, app, `SELECT updated_at > now() - interval '1 minute' FROM main_sourceimagethumbnail WHERE source_image_id = $1`, int64(id)) {
			t.Error("updated_at is not now, by the database's clock")
		}
		if got := recorded(t, app); !slices.Equal(got, []string{key(id, 1)}) {
			t.Errorf("recorded for deletion: %v", got)
		}
		if !ask[bool](t, app, `SELECT due BETWEEN now() + interval '59 min' AND now() + interval '61 min' FROM thumbedge.file_to_delete`) {
			t.Error("the replaced file is not due in an hour")
		}
		// The same path once more replaces nothing.
		upsert(t, s, id, row("small", key(id, 2), 240, noon))
		if got := recorded(t, app); !slices.Equal(got, []string{key(id, 1)}) {
			t.Errorf("recorded for deletion: %v", got)
		}
	}
}

// The rule of upserts: refused only by a row with a path, this width
// and a strictly later last_modified. The times are of clocks that differ by 5 s
// either way, cut to whole seconds or not.
func TestUpsertRefused(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	ours := noon.Add(10 * time.Second)
	for name, c := range map[string]struct {
		path     string
		width    int
		modified time.Time // of the row that is there
		refused  bool
	}{
		"later by 5 s":                        {"x", 240, ours.Add(5 * time.Second), true},
		"later by a microsecond":              {"x", 240, ours.Add(time.Microsecond), true},
		"the same":                            {"x", 240, ours, false},
		"the same, cut to the second":         {"x", 240, ours.Truncate(time.Second), false},
		"earlier by 5 s":                      {"x", 240, ours.Add(-5 * time.Second), false},
		"unknown":                             {"x", 240, time.Time{}, false},
		"later, but of another width":         {"x", 239, ours.Add(5 * time.Second), false},
		"later, but blank":                    {"", 240, ours.Add(5 * time.Second), false},
		"years later, blank, of another spec": {"", 1024, ours.AddDate(5, 0, 0), false},
	} {
		exec(t, app, `DELETE FROM thumbedge.file_to_delete`)
		old := ""
		if c.path != "" {
			old = key(2, 0xab)
		}
		var modified *time.Time
		if !c.modified.IsZero() {
			modified = &c.modified
		}
		exec(t, app, `UPDATE main_sourceimagethumbnail SET path = $1, width = $2, last_modified = $3 WHERE source_image_id = 2 AND label = 'small'`, old, c.width, modified)
		up := upsert(t, s, 2, row("small", key(2, 7), 240, ours))
		now := ask[string](t, app, `SELECT path FROM main_sourceimagethumbnail WHERE source_image_id = 2 AND label = 'small'`)
		want, gone := thumb.Upserted{Path: key(2, 7), Won: true}, old
		if c.refused {
			want, gone = thumb.Upserted{Path: old}, key(2, 7)
		}
		if up != want || now != want.Path {
			t.Errorf("%s: %+v and the row names %q, want %+v", name, up, now, want)
		}
		if got := strings.Join(recorded(t, app), " "); got != gone {
			t.Errorf("%s: recorded %q, want %q", name, got, gone)
		}
	}
	// A render whose version nobody knows is refused by no row.
	if up := upsert(t, s, 2, row("small", key(2, 8), 240, time.Time{})); !up.Won {
		t.Errorf("%+v", up)
	}
}

// Only files in the capture's own folder are ever deleted.
func TestReplacedFileElsewhereIsLeft(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	for _, path := range []string{"", "uploads/x.jpg", "thumbnails/capture_22/small.jpg", "thumbnails/capture_2/", "thumbnails/capture_2/a/b.jpg", "/etc/passwd"} {
		exec(t, app, `UPDATE main_sourceimagethumbnail SET path = $1 WHERE source_image_id = 2 AND label = 'small'`, path)
		upsert(t, s, 2, row("small", key(2, 1), 240, noon))
		if got := recorded(t, app); len(got) != 0 {
			t.Errorf("%q is recorded for deletion", got)
		}
	}
	// The app's own name for a file lies in the folder, and is deleted.
	upsert(t, s, 2, row("medium", "thumbnails/capture_2/medium_1.jpg", 1024, noon))
	if got := recorded(t, app); !slices.Equal(got, []string{"thumbnails/capture_2/medium.jpg"}) {
		t.Errorf("recorded %v", got)
	}
	if err := s.Discard(t.Context(), 2, []string{"uploads/x.jpg"}, 0); err == nil || errors.Is(err, thumb.ErrDatabase) {
		t.Errorf("discarding a file elsewhere: %v", err)
	}
}

// A file that was replaced, then named again (the app restored a row), then replaced once
// more: redirects to it may be as young as the last time, so it has all of its time from
// then on. Both labels name it here, as one statement may replace a file twice.
func TestFileThatWasNamedAgainHasAllItsTime(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	exec(t, app, `DELETE FROM thumbedge.file_to_delete`)
	upsert(t, s, 1, row("small", key(1, 1), 240, noon))
	upsert(t, s, 1, row("small", key(1, 2), 240, noon))
	exec(t, app, `UPDATE thumbedge.file_to_delete SET due = now() + interval '1 min'`)
	exec(t, app, `UPDATE main_sourceimagethumbnail SET path = $1 WHERE source_image_id = 1 AND label = 'small'`, key(1, 1))
	exec(t, app, `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, source_image_id) VALUES (now(), now(), $1, 'medium', 1)`, key(1, 1))
	rows := []thumb.Row{row("small", key(1, 3), 240, noon), row("medium", key(1, 4), 1024, noon)}
	if _, err := s.Upsert(t.Context(), 1, rows, time.Hour); err != nil {
		t.Fatal(err)
	}
	if !ask[bool](t, app, `SELECT due > now() + interval '59 min' FROM thumbedge.file_to_delete WHERE path = $1`, key(1, 1)) {
		t.Error("the file goes by the time of its first replacement")
	}
}
