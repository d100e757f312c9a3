package postgres_test

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// byID sorts captures, and their rows, for comparison.
func byID(captures []thumb.Capture) []thumb.Capture {
	slices.SortFunc(captures, func(a, b thumb.Capture) int { return int(a.ID - b.ID) })
	for _, c := range captures {
		slices.SortFunc(c.Rows, func(a, b thumb.Row) int { return a.Width - b.Width })
	}
	return captures
}

var sameTime = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

func TestCaptures(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	exec(t, app, `UPDATE main_sourceimage SET last_modified = NULL WHERE id = 3`)
	want := []thumb.Capture{
		{ID: 1, Public: true, LastModified: noon},
		{ID: 2, Public: true, LastModified: noon, Rows: []thumb.Row{
			{Label: "small", Path: "thumbnails/capture_2/small_00000000000000ab.jpg", Width: 240, LastModified: noon},
			{Label: "medium", Path: "thumbnails/capture_2/medium.jpg", Width: 1024},
		}},
		{ID: 3, Public: true},
		{ID: 10, LastModified: noon}, // of a draft
		{ID: 11, LastModified: noon}, // of no project
	}
	for name, s := range map[string]store{
		"directly":          newStore(t, url),
		"through pgbouncer": newStore(t, testenv.Pgbouncer(t, url), pooled),
	} {
		before := s.queries.n.Load()
		got, err := s.Captures(t.Context(), []thumb.ID{11, 999, 2, 1, 10, 3})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, byID(got), sameTime); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n := s.queries.n.Load() - before; n != 1 {
			t.Errorf("%s: %d queries, want 1", name, n)
		}
		if got, err = s.Captures(t.Context(), nil); err != nil || len(got) != 0 {
			t.Errorf("%s: no ids give %v, %v", name, got, err)
		}
	}
}

// A capture is looked up by index even where the tables' statistics mislead.
func TestCapturesIsOneQueryForManyIDs(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	exec(t, app, `INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'p', 1 FROM generate_series(1001, 3000) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			SELECT now(), now(), label, label, 1, 1, 1, g FROM generate_series(1001, 3000) g, unnest(ARRAY['small', 'medium', 'large']) label`)
	s := newStore(t, url)
	for _, n := range []int{1, 40, 500} {
		ids := make([]thumb.ID, n)
		for i := range ids {
			ids[i] = thumb.ID(1001 + 3*i)
		}
		before := s.queries.n.Load()
		captures, err := s.Captures(t.Context(), ids)
		if err != nil || len(captures) != n {
			t.Fatalf("%d captures of %d, %v", len(captures), n, err)
		}
		for _, c := range captures {
			if len(c.Rows) != 3 {
				t.Fatalf("capture %d has %d rows, want 3", c.ID, len(c.Rows))
			}
		}
		if n := s.queries.n.Load() - before; n != 1 {
			t.Errorf("%d queries, want 1", n)
		}
	}
}

// The app's migrations change a column's type while connections hold prepared
// statements: no query fails for it.
func TestCapturesWhileTheAppMigrates(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url, func(cfg *postgres.Config) { cfg.MaxConns = 1 })
	for _, sql := range []string{
		``,
		`ALTER TABLE main_sourceimagethumbnail ALTER COLUMN path TYPE text, ALTER COLUMN width TYPE bigint`,
		`ALTER TABLE main_sourceimage ALTER COLUMN path TYPE text, ADD COLUMN extra text`,
		`ALTER TABLE main_sourceimage DROP COLUMN checksum`,
	} {
		exec(t, app, sql)
		if captures, err := s.Captures(t.Context(), []thumb.ID{1, 2}); err != nil || len(captures) != 2 {
			t.Errorf("after %q: %v, %v", sql, captures, err)
		}
		if _, err := s.Lease(t.Context(), 2, "me", time.Minute); err != nil {
			t.Errorf("after %q: %v", sql, err)
		}
	}
}

// A page that stops waiting ends its query, and the connection stays.
func TestCapturesGivenUp(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url, func(cfg *postgres.Config) { cfg.MaxConns = 1 })
	if _, err := s.Captures(t.Context(), []thumb.ID{1}); err != nil {
		t.Fatal(err)
	}
	exec(t, app, `BEGIN; LOCK TABLE main_sourceimage`)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Captures(ctx, []thumb.ID{1})
		done <- err
	}()
	eventually.Holds(t, "the query waits for the lock", func() bool { return waiting(t, app) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, thumb.ErrDatabase) {
		t.Errorf("the error is %v", err)
	}
	eventually.Holds(t, "the server has ended the query", func() bool { return waiting(t, app) == 0 })
	exec(t, app, `ROLLBACK`)
	if _, err := s.Captures(t.Context(), []thumb.ID{1}); err != nil {
		t.Error(err)
	}
	if n := s.pool.Stat().NewConnsCount(); n != 1 {
		t.Errorf("%d connections were made, want 1", n)
	}
}

// Connections that died without a FIN, as in a fail-over: the first query that finds
// one of them dead takes the others along. The server's processes are stopped, so
// that nothing is answered and nothing closed.
func TestSilentConnectionsCostFewQueries(t *testing.T) {
	t.Parallel()
	const connections = 8
	_, url := serverWithApp(t)
	s := newStore(t, url, func(cfg *postgres.Config) { cfg.MaxConns = connections + 1 })
	var held []*pgxpool.Conn
	var pids []int
	for range connections {
		conn, err := s.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held, pids = append(held, conn), append(pids, int(conn.Conn().PgConn().PID()))
	}
	for _, conn := range held {
		conn.Release()
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	}
	failed := 0
	eventually.Holds(t, "a query is answered", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := s.Captures(ctx, []thumb.ID{2})
		if err != nil {
			failed++
		}
		return err == nil
	})
	if failed == 0 || failed > connections/2 {
		t.Errorf("%d queries failed, with %d connections dead; want one or two", failed, connections)
	}
}

func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	s := newStore(t, "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable")
	_, err := s.Captures(t.Context(), []thumb.ID{1})
	failures := map[string]error{"captures": err}
	_, failures["lease"] = s.Lease(t.Context(), 1, "me", time.Second)
	_, failures["prolong"] = s.Prolong(t.Context(), 1, "me", time.Second)
	failures["release"] = s.Release(t.Context(), 1, "me")
	_, failures["upsert"] = s.Upsert(t.Context(), 1, []thumb.Row{row("small", "thumbnails/capture_1/x.jpg", 240, noon)}, time.Hour)
	failures["discard"] = s.Discard(t.Context(), 1, []string{"thumbnails/capture_1/x.jpg"}, time.Hour)
	_, failures["sweep"] = s.Sweep(t.Context(), 1, nil)
	_, failures["installed"] = s.Installed(t.Context())
	_, failures["rows"] = s.Rows(t.Context(), 0, 1)
	for operation, err := range failures {
		if !errors.Is(err, thumb.ErrDatabase) {
			t.Errorf("%s: %v, want it to wrap ErrDatabase", operation, err)
		}
	}
}

func TestTablesUnderOtherNames(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	app := connect(t, url)
	exec(t, app, fill)
	exec(t, app, `CREATE SCHEMA "the App"; ALTER TABLE main_sourceimage SET SCHEMA "the App"; ALTER TABLE "the App".main_sourceimage RENAME TO "Capture";
		ALTER TABLE main_sourceimagethumbnail RENAME TO "Row"`)
	tables := postgres.Antenna
	tables.Capture, tables.Thumbnail = "the App.Capture", "public.Row"
	if err := migrate(t, url, tables).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, url, func(cfg *postgres.Config) { cfg.Tables = tables })
	if captures, err := s.Captures(t.Context(), []thumb.ID{2}); err != nil || len(captures) != 1 || len(captures[0].Rows) != 2 {
		t.Errorf("%v, %v", captures, err)
	}
	if got, err := s.Installed(t.Context()); err != nil || got != (postgres.Installed{Schema: true, Triggers: true}) {
		t.Errorf("installed %+v, %v", got, err)
	}
	if work, err := s.Lease(t.Context(), 2, "me", time.Minute); err != nil || !work.Held || len(work.Capture.Rows) != 2 {
		t.Errorf("%+v, %v", work, err)
	}
	if up, err := s.Upsert(t.Context(), 2, []thumb.Row{row("small", "thumbnails/capture_2/small_1.jpg", 240, noon)}, time.Hour); err != nil || !up[0].Won {
		t.Errorf("%+v, %v", up, err)
	}
}
