package migrations_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

var antenna = migrations.Names{
	Capture: "main_sourceimage", Project: "main_project", Deployment: "main_deployment",
	DataSource: "main_s3storagesource", Thumbnail: "main_sourceimagethumbnail",
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func ask[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) (answer T) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func migrator(t testing.TB, url string, names migrations.Names) *migrations.Migrator {
	t.Helper()
	m, err := migrations.New(url, names, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func up(t testing.TB, url string) {
	t.Helper()
	if err := migrator(t, url, antenna).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// shape is everything in the database that a migration could have left behind.
func shape(t testing.TB, conn *pgx.Conn) string {
	return ask[string](t, conn, `
		SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '') FROM (
			SELECT format('relation %s.%s %s', n.nspname, c.relname, c.relkind) AS line FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE n.nspname IN ('public', 'thumbedge')
			UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
			UNION ALL SELECT 'constraint ' || pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE n.nspname = 'public'
			UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = 'thumbedge'
			UNION ALL SELECT 'function ' || proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'thumbedge'
		) AS lines`)
}

func TestDownLeavesWhatUpFound(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	conn := connect(t, url)
	before := shape(t, conn)
	m := migrator(t, url, antenna)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	states, err := m.Status(t.Context())
	if err != nil || len(states) != migrations.Latest() {
		t.Fatal(states, err)
	}
	for i, s := range states {
		if s.Number != i+1 || s.Name == "" || s.Applied.IsZero() {
			t.Errorf("state %d is %+v, want it applied", i, s)
		}
	}
	for i := range states { // one at a time, then once more with nothing left
		if err := m.Down(t.Context(), 1); err != nil {
			t.Fatalf("the way down of migration %d: %v", len(states)-i, err)
		}
	}
	if err := m.Down(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, shape(t, conn)); diff != "" {
		t.Errorf("the way down does not lead back: %s", diff)
	}
	up(t, url) // and all of it works again
	if err := m.Down(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if states, err = m.Status(t.Context()); err != nil || !states[0].Applied.IsZero() {
		t.Errorf("after everything was taken back: %+v, %v", states, err)
	}
}

func TestQualifiedAndAwkwardNames(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	conn := connect(t, url)
	exec(t, conn, `CREATE SCHEMA "the App"; ALTER TABLE main_sourceimage SET SCHEMA "the App";
		ALTER TABLE "the App".main_sourceimage RENAME TO "it's a ""Capture""";
		ALTER TABLE main_project SET SCHEMA "the App";
		ALTER TABLE main_sourceimagethumbnail SET SCHEMA "the App"; ALTER TABLE "the App".main_sourceimagethumbnail RENAME TO row`)
	m := migrator(t, url, migrations.Names{
		Capture: `the App.it's a "Capture"`, Project: "the App.main_project", Thumbnail: "the App.row", Deployment: "d", DataSource: "s",
	})
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, conn, `SELECT count(*) FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
		WHERE tgname IN ('thumbedge_notify', 'thumbedge_truncate') AND c.relnamespace = '"the App"'::regnamespace`); n != 6 {
		t.Errorf("%d triggers on the app's tables, want 6", n)
	}
	if err := m.Down(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.New(url, migrations.Names{Capture: "a.b.c"}, nil); err == nil || !strings.Contains(err.Error(), "database.tables.project:") {
		t.Errorf("impossible names give %v", err)
	}
}

func TestTwoMigratorsAtOnce(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := migrator(t, url, antenna).Up(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
}

// A transaction that has written to a table keeps its triggers out. Writers must
// not queue behind the waiting step for long, and the operator must learn why.
func TestLockedTableIsWaitedForWithAWordOnItsHolder(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	holder := connect(t, url+"&application_name=nightly-sync")
	exec(t, holder, `BEGIN; UPDATE main_sourceimage SET path = path`)
	said := make(chan string, 100)
	m, err := migrations.New(url, antenna, func(line string) { said <- line })
	if err != nil {
		t.Fatal(err)
	}
	m.Hurried(20*time.Millisecond, time.Millisecond, 10_000)
	done := make(chan error, 1)
	go func() { done <- m.Up(t.Context()) }()
	for line := range said {
		if !strings.Contains(line, "waiting for") {
			continue
		}
		pid := ask[int](t, connect(t, url), `SELECT pid FROM pg_stat_activity WHERE application_name = 'nightly-sync'`)
		for _, want := range []string{fmt.Sprintf("process %d (", pid), "nightly-sync", "idle in transaction", "UPDATE main_sourceimage SET path"} {
			if !strings.Contains(line, want) {
				t.Errorf("%q says nothing of %q", line, want)
			}
		}
		break
	}
	go func() {
		for range said { // what else it says
		}
	}()
	exec(t, holder, `COMMIT`)
	if err := <-done; err != nil {
		t.Error(err)
	}
	close(said)
}

func TestGivesUpNamingTheHolder(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	exec(t, connect(t, url+"&application_name=stuck"), `BEGIN; LOCK TABLE main_project`)
	m := migrator(t, url, antenna)
	m.Hurried(10*time.Millisecond, time.Millisecond, 2)
	if err := m.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "stuck") || !strings.Contains(err.Error(), "0006 project_triggers") {
		t.Errorf("the error is %v", err)
	}
	// What could be done is done, and stays.
	if states, err := m.Status(t.Context()); err != nil || states[4].Applied.IsZero() || !states[5].Applied.IsZero() {
		t.Errorf("states %+v, %v", states, err)
	}
}
