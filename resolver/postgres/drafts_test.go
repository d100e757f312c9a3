package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func withPrivate(cfg *postgres.Config) { cfg.PrivateKeys = "drafts/" }

func draftKey(id thumb.ID, digits uint64) string {
	return string(thumb.Keys("drafts/").Append(nil, id, "small", digits))
}

// recordedPrivate are the files of private storage that are recorded for deletion.
func recordedPrivate(t testing.TB, app *pgx.Conn) []string {
	t.Helper()
	return ask[[]string](t, app, `SELECT coalesce(array_agg(path ORDER BY path), '{}') FROM thumbedge.private_file_to_delete`)
}

func privateRows(t testing.TB, app *pgx.Conn) string {
	t.Helper()
	return ask[string](t, app, `SELECT coalesce(string_agg(source_image_id || ' ' || path, ', ' ORDER BY source_image_id, path), '') FROM thumbedge.private_thumbnail`)
}

// draftRow writes the row of a private thumbnail, and returns its path.
func draftRow(t testing.TB, s store, id thumb.ID, project int64, digits uint64) string {
	t.Helper()
	path := draftKey(id, digits)
	if _, err := s.Private().UpsertDraft(t.Context(), id, project, []thumb.Row{row("small", path, 240, noon)}, time.Hour); err != nil {
		t.Fatal(err)
	}
	return path
}

// A draft's rows are the private ones and no others, in one statement; without private
// storage it is told from nothing else that is not public.
func TestCapturesOfDrafts(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	exec(t, app, `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		VALUES (now(), now(), 'thumbnails/capture_10/small.jpg', 'small', 240, 127, 1, 10)`)
	s := newStore(t, url, withPrivate)
	path := draftRow(t, s, 10, 2, 7)
	exec(t, app, `INSERT INTO thumbedge.private_thumbnail (source_image_id, label, path, width, height, size, created_at, updated_at)
		VALUES (2, 'small', 'drafts/capture_2/left.jpg', 240, 1, 1, now(), now())`) // of the time when it was a draft
	ids := []thumb.ID{2, 10, 11, 99}
	before := s.queries.n.Load()
	captures, err := s.Captures(t.Context(), ids)
	if err != nil || s.queries.n.Load()-before != 1 {
		t.Fatal(s.queries.n.Load()-before, err)
	}
	want := []thumb.Capture{
		{ID: 2, Public: true, LastModified: noon, Rows: []thumb.Row{
			{Label: "small", Path: "thumbnails/capture_2/small_00000000000000ab.jpg", Width: 240, LastModified: noon},
			{Label: "medium", Path: "thumbnails/capture_2/medium.jpg", Width: 1024},
		}},
		{ID: 10, Draft: true, Project: 2, LastModified: noon, PrivateRows: []thumb.Row{{Label: "small", Path: path, Width: 240, LastModified: noon}}},
		{ID: 11, LastModified: noon},
	}
	sameTime := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, byID(captures), sameTime); diff != "" {
		t.Error(diff)
	}
	work, err := s.Lease(t.Context(), 10, "me", time.Minute)
	if c := work.Capture; err != nil || !work.Held || c.Public || !c.Draft || c.Project != 2 || len(c.Rows) != 0 || len(c.PrivateRows) != 1 || c.PrivateRows[0].Size != 1000 {
		t.Errorf("the lease tells %+v, %v", work, err)
	}
	for what, other := range map[string]store{"without private storage": newStore(t, url), "without its tables": newStore(t, url, withPrivate)} {
		if what == "without its tables" {
			exec(t, app, `DROP TABLE thumbedge.private_thumbnail`)
		}
		captures, err := other.Captures(t.Context(), ids)
		if err != nil || len(captures) != 3 || byID(captures)[1].Draft || byID(captures)[1].Public || byID(captures)[1].Project != 0 {
			t.Errorf("%s: %+v, %v", what, captures, err)
		}
	}
}

// The rows of drafts are looked up by index, as the others are, whatever the statistics say.
func TestDraftsAreLookedUpByIndex(t *testing.T) {
	t.Parallel()
	_, app := migrated(t)
	exec(t, app, `INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'p', 1 + g % 2 FROM generate_series(100, 20000) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) SELECT now(), now(), 'p', 'small', 240, 1, 1, g FROM generate_series(100, 20000) g;
		INSERT INTO thumbedge.private_thumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) SELECT now(), now(), 'p' || g, 'small', 240, 1, 1, g FROM generate_series(100, 20000) g;
		ANALYZE`)
	plan := strings.Builder{}
	rows, err := app.Query(t.Context(), `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) `+postgres.DraftsToo(postgres.Antenna), []int64{101, 102, 103, 104})
	if err != nil {
		t.Fatal(err)
	}
	var line string
	if _, err := pgx.ForEachRow(rows, []any{&line}, func() error { plan.WriteString(line + "\n"); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, relation := range []string{"main_sourceimage ", "main_sourceimagethumbnail", "private_thumbnail"} {
		if strings.Contains(plan.String(), "Seq Scan on "+relation) || !strings.Contains(plan.String(), relation) {
			t.Errorf("%s is scanned as a whole:\n%s", relation, plan.String())
		}
	}
}

// A private row is written of a draft of that project, and of no other capture, by the
// statement that looks.
func TestUpsertDraft(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url, withPrivate)
	exec(t, app, `INSERT INTO main_project (id, name, draft) VALUES (3, 'more drafts', true)`)
	for _, c := range []struct {
		what    string
		id      thumb.ID
		project int64
		want    error
	}{
		{"a draft", 10, 2, nil}, {"of another draft project", 10, 3, thumb.ErrNotPublic}, {"of no project", 11, 2, thumb.ErrNotPublic},
		{"a public capture", 2, 2, thumb.ErrPublic}, {"a capture that is gone", 99, 2, thumb.ErrUnknownCapture},
	} {
		path := draftKey(c.id, 1)
		_, err := s.Private().UpsertDraft(t.Context(), c.id, c.project, []thumb.Row{row("small", path, 240, noon)}, time.Hour)
		if !errors.Is(err, c.want) || errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if got := slices.Contains(recordedPrivate(t, app), path); got != (c.want != nil) && c.what != "of another draft project" {
			t.Errorf("%s: recorded for deletion: %t", c.what, got)
		}
	}
	if got, want := privateRows(t, app), "10 "+draftKey(10, 1); got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	if rows := ask[int](t, app, `SELECT count(*) FROM main_sourceimagethumbnail`); rows != 2 {
		t.Errorf("%d public rows", rows)
	}
	if n := s.metric("thumbedge_database_failures_total", "upsert"); n != 0 {
		t.Errorf("%v refusals count as failures of the database", n)
	}
	// An upsert records what it replaced, in the private table.
	draftRow(t, s, 10, 2, 2)
	if got := recordedPrivate(t, app); !slices.Contains(got, draftKey(10, 1)) || slices.Contains(got, draftKey(10, 2)) {
		t.Errorf("recorded are %v", got)
	}
	if got := recorded(t, app); len(got) != 0 {
		t.Errorf("recorded in the public storage: %v", got)
	}
}

// Where there is private storage, a draft gets no public row: whoever made it public meanwhile.
func TestUpsertOfACaptureThatIsNotPublicAnyMore(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url, withPrivate)
	for id, want := range map[thumb.ID]error{3: nil, 10: thumb.ErrNotPublic, 11: thumb.ErrNotPublic, 99: thumb.ErrUnknownCapture} {
		_, err := s.Upsert(t.Context(), id, []thumb.Row{row("small", key(id, 1), 240, noon)}, time.Hour)
		if !errors.Is(err, want) {
			t.Errorf("capture %d: %v, want %v", id, err, want)
		}
		if slices.Contains(recorded(t, app), key(id, 1)) != (want != nil) {
			t.Errorf("capture %d: recorded for deletion are %v", id, recorded(t, app))
		}
	}
	if n := ask[int](t, app, `SELECT count(*) FROM main_sourceimagethumbnail WHERE source_image_id > 2`); n != 1 {
		t.Errorf("%d rows were written", n)
	}
}

// Files of private storage are claimed and deleted apart from the others, after a last look
// at the private rows.
func TestSweepOfPrivateFiles(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url, withPrivate)
	named := draftRow(t, s, 10, 2, 5)
	gone := draftKey(10, 6)
	exec(t, app, `INSERT INTO thumbedge.private_file_to_delete VALUES ($1, 10, now()), ($2, 10, now()), ('elsewhere/x.jpg', 10, now())`, named, gone)
	if err := s.Discard(t.Context(), 2, []string{key(2, 9)}, 0); err != nil {
		t.Fatal(err)
	}
	var swept []string
	sweep := func(table *postgres.Table) {
		t.Helper()
		if _, err := table.Sweep(t.Context(), 100, func(_ context.Context, _ thumb.ID, path string) error { swept = append(swept, path); return nil }); err != nil {
			t.Error(err)
		}
	}
	sweep(s.Private())
	if diff := cmp.Diff([]string{gone}, swept); diff != "" || len(recordedPrivate(t, app)) != 0 {
		t.Errorf("swept from private storage: %s; left %v", diff, recordedPrivate(t, app))
	}
	swept = nil
	sweep(s.Table)
	if diff := cmp.Diff([]string{key(2, 9)}, swept); diff != "" {
		t.Errorf("swept from the public storage: %s", diff)
	}
}

// Rows of captures that are gone, or no drafts any more, go; their files are recorded.
func TestOrphansAreRemoved(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url, withPrivate)
	exec(t, app, `INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'p', 2 FROM generate_series(20, 29) g`)
	paths := map[thumb.ID]string{}
	for id := thumb.ID(20); id < 30; id++ {
		paths[id] = draftRow(t, s, id, 2, uint64(id))
	}
	exec(t, app, `DELETE FROM main_sourceimage WHERE id = 21; UPDATE main_sourceimage SET project_id = 1 WHERE id = 22; UPDATE main_sourceimage SET project_id = NULL WHERE id = 23`)
	if removed, err := s.Private().RemoveOrphansOf(t.Context(), []thumb.ID{20, 21, 24}, time.Hour); removed != 1 || err != nil {
		t.Errorf("%d of the captures' rows were removed: %v", removed, err)
	}
	portions, removed := 0, 0
	for after := int64(0); ; portions++ {
		n, last, err := s.Private().RemoveOrphans(t.Context(), after, 3, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if removed += n; last == 0 {
			break
		}
		after = last
	}
	want := []string{paths[21], paths[22], paths[23]}
	if diff := cmp.Diff(want, recordedPrivate(t, app)); diff != "" || removed != 2 || portions != 3 {
		t.Errorf("%d more in %d portions; recorded: %s", removed, portions, diff)
	}
	if left := ask[int](t, app, `SELECT count(*) FROM thumbedge.private_thumbnail`); left != 7 {
		t.Errorf("%d rows are left, want 7", left)
	}
	exec(t, app, `UPDATE main_project SET draft = false WHERE id = 2`)
	if removed, _, err := s.Private().RemoveOrphans(t.Context(), 0, 100, time.Hour); removed != 7 || err != nil {
		t.Errorf("of a project that is public by now, %d rows were removed: %v", removed, err)
	}
}

// A project that turned draft keeps its public rows for delete_after, and for good where it
// is public again by then; whoever looks checks it in the statement that removes.
func TestPublicRowsOfDraftsAreRemoved(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	one, two := newStore(t, url, withPrivate), newStore(t, url, withPrivate)
	public := func() int { return ask[int](t, app, `SELECT count(*) FROM main_sourceimagethumbnail`) }
	see := func() {
		t.Helper()
		if err := one.SeeDrafts(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(s store) int64 {
		t.Helper()
		project, err := s.ClaimDraft(t.Context(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return project
	}
	remove := func(after thumb.ID) (int, thumb.ID) {
		t.Helper()
		removed, last, err := one.RemovePublic(t.Context(), 1, after, 2, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return removed, last
	}
	flip := func(draft bool) { exec(t, app, `UPDATE main_project SET draft = $1 WHERE id = 1`, draft) }
	later := func() {
		exec(t, app, `UPDATE thumbedge.draft_project SET since = since - interval '1 hour', due = due - interval '1 hour'`)
	}
	exec(t, app, `UPDATE main_project SET draft = false WHERE id = 2; INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		VALUES (now(), now(), 'elsewhere/3.jpg', 'small', 240, 1, 1, 3)`)
	flip(true)
	see()
	if claim(one) != 0 {
		t.Fatal("it was claimed at once")
	}
	if n, _ := remove(0); n != 0 || public() != 3 {
		t.Fatal("rows were removed at once")
	}
	// Public again and a draft again: the time begins anew.
	flip(false)
	see()
	flip(true)
	see()
	later()
	flip(false)
	if project := claim(one); project != 1 {
		t.Fatalf("project %d was claimed", project)
	}
	if n, last := remove(0); n != 0 || last != 0 || public() != 3 {
		t.Fatal("rows of a project that is public again were removed")
	}
	flip(true)
	if claim(two) != 0 {
		t.Error("two replicas have it")
	}
	removed, walked := 0, []thumb.ID(nil)
	for after := thumb.ID(0); ; {
		n, last := remove(after)
		removed += n
		if walked = append(walked, last); last == 0 {
			break
		}
		after = last
	}
	if removed != 3 || public() != 0 || fmt.Sprint(walked) != "[2 4 6 8 9 0]" {
		t.Errorf("%d rows were removed, %d are left, by way of %v", removed, public(), walked)
	}
	if diff := cmp.Diff([]string{"thumbnails/capture_2/medium.jpg", "thumbnails/capture_2/small_00000000000000ab.jpg"}, recorded(t, app)); diff != "" {
		t.Errorf("recorded for deletion: %s", diff)
	}
	if err := one.DraftDone(t.Context(), 1, 2*time.Hour); err != nil || claim(one) != 0 {
		t.Errorf("it is not left alone after that: %v", err)
	}
	later()
	later()
	if claim(two) != 1 {
		t.Error("it is never looked at again")
	}
}

// A file that was recorded for deletion before its row came back, as from a backup, was
// once deleted right after that row was removed. It has all of its time from then on.
func TestFilesOfRowsThatCameBackHaveTheirTime(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url, withPrivate)
	private := draftRow(t, s, 10, 2, 7)
	exec(t, app, `INSERT INTO thumbedge.file_to_delete (path, capture_id, due) SELECT path, source_image_id, now() FROM main_sourceimagethumbnail WHERE source_image_id = 2;
		UPDATE main_project SET draft = id = 1`)
	exec(t, app, `INSERT INTO thumbedge.private_file_to_delete (path, capture_id, due) VALUES ($1, 10, now())`, private)
	if err := s.SeeDrafts(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	exec(t, app, `UPDATE thumbedge.draft_project SET since = since - interval '1 hour'`)
	if removed, _, err := s.RemovePublic(t.Context(), 1, 0, 100, time.Hour); removed == 0 || err != nil {
		t.Fatalf("%d public rows were removed: %v", removed, err)
	}
	if removed, _, err := s.Private().RemoveOrphans(t.Context(), 0, 100, time.Hour); removed != 1 || err != nil {
		t.Fatalf("%d private rows were removed: %v", removed, err)
	}
	for _, table := range []string{"file_to_delete", "private_file_to_delete"} {
		if n := ask[int](t, app, `SELECT count(*) FROM thumbedge.`+table+` WHERE due < now() + interval '50 minutes'`); n != 0 {
			t.Errorf("%d files of %s are deleted too early", n, table)
		}
	}
}
