package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// odd gives capture 2 rows with everything that the app's table allows and no
// thumbnail of ours has: nulls, which the app's admin form leaves there, and times
// that PostgreSQL knows and Go does not.
const odd = `
	UPDATE main_sourceimagethumbnail SET height = NULL, size = NULL;
	UPDATE main_sourceimagethumbnail SET width = NULL, last_modified = NULL WHERE source_image_id = 2 AND label = 'medium';
	INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, last_modified, source_image_id) VALUES
		('-infinity', 'infinity', 'a.jpg', 'a', 1, 'infinity', 2), ('-infinity', '0044-03-15 BC', '', 'b', 2, '-infinity', 2),
		(now(), '12026-01-01', 'c.jpg', 'c', 3, '294276-12-31', 2), (now(), now(), 'd.jpg', 'd', 4, '4713-01-01 BC', 2);
	UPDATE main_sourceimage SET last_modified = 'infinity' WHERE id = 3;
	UPDATE main_sourceimage SET public_base_url = NULL, last_modified = '-infinity' WHERE id = 4`

// fronts are PostgreSQL itself and a pooler, before which rows come as text.
func fronts(t *testing.T, url string) map[string]store {
	return map[string]store{
		"directly":          newStore(t, url),
		"through pgbouncer": newStore(t, testenv.Pgbouncer(t, url), pooled),
	}
}

// A null reads as zero, a time that nobody can read as null, and no row costs
// another anything.
func TestOddRowsAreRead(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	exec(t, app, odd)
	rows := []thumb.Row{
		{Label: "medium", Path: "thumbnails/capture_2/medium.jpg"},
		{Label: "a", Path: "a.jpg", Width: 1},
		{Label: "b", Width: 2},
		{Label: "c", Path: "c.jpg", Width: 3},
		{Label: "d", Path: "d.jpg", Width: 4},
		{Label: "small", Path: "thumbnails/capture_2/small_00000000000000ab.jpg", Width: 240, LastModified: noon},
	}
	want := []thumb.Capture{
		{ID: 2, Public: true, LastModified: noon, Rows: rows},
		{ID: 3, Public: true},
		{ID: 4, Public: true},
		{ID: 5, Public: true, LastModified: noon},
	}
	for name, s := range fronts(t, url) {
		captures, err := s.Captures(t.Context(), []thumb.ID{2, 3, 4, 5})
		if diff := cmp.Diff(want, byID(captures), sameTime); diff != "" || err != nil {
			t.Errorf("%s: a page reads %v: %s", name, err, diff)
		}
		for _, id := range []thumb.ID{2, 3, 4} {
			original, err := s.Original(t.Context(), id)
			if err != nil {
				t.Fatalf("%s: reading the original of %d: %v", name, id, err)
			}
			work := lease(t, s, id, name, time.Minute)
			for i := range work.Capture.Rows { // of which pages read nothing
				if at := work.Capture.Rows[i].UpdatedAt; !at.IsZero() && (at.Year() < 2026 || at.Year() > 2100) {
					t.Errorf("%s: updated_at reads %v", name, at)
				}
				work.Capture.Rows[i].UpdatedAt = time.Time{}
			}
			if diff := cmp.Diff(want[id-2], byID([]thumb.Capture{work.Capture})[0], sameTime); diff != "" {
				t.Errorf("%s: with the lease: %s", name, diff)
			}
			if len(original.Capture.Rows) != len(work.Capture.Rows) {
				t.Errorf("%s: %d rows, and %d with the lease", name, len(original.Capture.Rows), len(work.Capture.Rows))
			}
			if err := s.Release(t.Context(), id, name); err != nil {
				t.Fatal(err)
			}
		}
		walked, err := s.Rows(t.Context(), 0, 100)
		if err != nil || len(walked) != len(rows) {
			t.Errorf("%s: reconcile walks over %d rows, %v", name, len(walked), err)
		}
	}
}

// Every odd row is overwritten like any other, and its file recorded for deletion.
func TestOddRowsAreOverwritten(t *testing.T) {
	t.Parallel()
	for _, null := range []string{"width = NULL", "height = NULL", "size = NULL", "last_modified = NULL", "width = NULL, height = NULL, size = NULL, last_modified = NULL"} {
		url, app := migrated(t)
		exec(t, app, `UPDATE main_sourceimagethumbnail SET `+null+` WHERE source_image_id = 2`)
		for _, s := range fronts(t, url) {
			old := ask[string](t, app, `SELECT path FROM main_sourceimagethumbnail WHERE source_image_id = 2 AND label = 'small'`)
			path := key(2, uint64(time.Now().UnixNano()))
			ups, err := s.Upsert(t.Context(), 2, []thumb.Row{row("small", path, 240, noon)}, time.Hour)
			if err != nil || len(ups) != 1 || !ups[0].Won {
				t.Fatalf("%s: %+v, %v", null, ups, err)
			}
			if !ask[bool](t, app, `SELECT EXISTS (SELECT FROM thumbedge.file_to_delete WHERE path = $1)`, old) {
				t.Errorf("%s: %s is recorded nowhere", null, old)
			}
		}
	}
}
