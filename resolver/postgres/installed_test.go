package postgres_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// as gives a test a role of its own, and returns url as that role.
func as(t *testing.T, app *pgx.Conn, databaseURL, rights string) string {
	t.Helper()
	role := "te_role_" + app.Config().Database
	exec(t, app, `CREATE ROLE `+role+` LOGIN PASSWORD 'moth'; `+strings.ReplaceAll(rights, "ROLE", role))
	t.Cleanup(func() { exec(t, app, `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "moth")
	return u.String()
}

// worksWithoutSchema goes through all that must work where schema thumbedge can't
// be used, and says whether rows can be written.
func worksWithoutSchema(t *testing.T, s store) (writes bool) {
	t.Helper()
	for _, holder := range []string{"a", "b"} {
		if work, err := s.Lease(t.Context(), 2, holder, time.Minute); err != nil || !work.Held || len(work.Capture.Rows) != 2 {
			t.Errorf("lease: %+v, %v; want it always held", work, err)
		}
	}
	if _, err := s.Lease(t.Context(), 999, "a", time.Minute); !errors.Is(err, thumb.ErrUnknownCapture) {
		t.Errorf("lease on an unknown capture: %v", err)
	}
	if held, err := s.Prolong(t.Context(), 2, "c", time.Minute); err != nil || !held {
		t.Errorf("prolong: %t, %v", held, err)
	}
	if n, err := s.Sweep(t.Context(), 10, nil); err != nil || n != 0 {
		t.Errorf("sweep: %d, %v", n, err)
	}
	if value, err := s.Remembered(t.Context(), "x"); err != nil || value != nil {
		t.Errorf("remembered: %s, %v", value, err)
	}
	if err := errors.Join(s.Release(t.Context(), 2, "a"), s.Discard(t.Context(), 2, []string{key(2, 9)}, time.Hour), s.Remember(t.Context(), "x", []byte(`1`))); err != nil {
		t.Error(err)
	}
	if captures, err := s.Captures(t.Context(), []thumb.ID{2}); err != nil || len(captures) != 1 {
		t.Errorf("captures: %v, %v", captures, err)
	}
	up, err := s.Upsert(t.Context(), 2, []thumb.Row{row("small", key(2, 1), 240, noon)}, time.Hour)
	if err != nil && !errors.Is(err, thumb.ErrDatabase) {
		t.Errorf("upsert: %v, want it to wrap ErrDatabase", err)
	}
	return err == nil && up[0] == thumb.Upserted{Path: key(2, 1), Won: true}
}

func TestWithoutMigrations(t *testing.T) {
	t.Parallel()
	databaseURL := testenv.Database(t)
	app := connect(t, databaseURL)
	exec(t, app, fill)
	s := newStore(t, databaseURL)
	if !worksWithoutSchema(t, s) {
		t.Error("the row could not be written")
	}
	for range 3 {
		if got, err := s.Installed(t.Context()); err != nil || got != (postgres.Installed{}) {
			t.Errorf("installed %+v, %v", got, err)
		}
	}
	if n := strings.Count(s.log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings, want one for the schema and one for the triggers:\n%s", n, s.log)
	}

	// Migrated while it runs: readyz asks, and leases begin to count.
	m := migrate(t, databaseURL, postgres.Antenna)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Installed(t.Context()); err != nil || got != (postgres.Installed{Schema: true, Triggers: true}) {
		t.Errorf("installed %+v, %v", got, err)
	}
	if !lease(t, s, 2, "a", time.Minute).Held || lease(t, s, 2, "b", time.Minute).Held {
		t.Error("leases do not count after the migration")
	}
	// And taken back while it runs: the statement that finds out is not a failure.
	if err := m.Down(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if !worksWithoutSchema(t, s) {
		t.Error("the row could not be written")
	}
}

func TestRolesWithFewRights(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rights string
		writes bool
	}{
		"no right on the schema": {`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ROLE; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ROLE`, true},
		"may read only":          {`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE; GRANT USAGE ON SCHEMA thumbedge TO ROLE; GRANT SELECT ON ALL TABLES IN SCHEMA thumbedge TO ROLE`, false},
		"reads by default": {`GRANT ALL ON ALL TABLES IN SCHEMA public TO ROLE; GRANT ALL ON SCHEMA thumbedge TO ROLE;
			GRANT ALL ON ALL TABLES IN SCHEMA thumbedge TO ROLE; ALTER USER ROLE SET default_transaction_read_only = on`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL, app := migrated(t)
			s := newStore(t, as(t, app, databaseURL, c.rights))
			if got := worksWithoutSchema(t, s); got != c.writes {
				t.Errorf("rows can be written: %t, want %t", got, c.writes)
			}
			if got, err := s.Installed(t.Context()); err != nil || got != (postgres.Installed{Triggers: true}) {
				t.Errorf("installed %+v, %v", got, err)
			}
		})
	}
}

// A right that is taken away while serve runs degrades, and does not fail.
func TestRightsTakenAway(t *testing.T) {
	t.Parallel()
	databaseURL, app := migrated(t)
	s := newStore(t, as(t, app, databaseURL, `GRANT ALL ON ALL TABLES IN SCHEMA public TO ROLE; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ROLE;
		GRANT ALL ON SCHEMA thumbedge TO ROLE; GRANT ALL ON ALL TABLES IN SCHEMA thumbedge TO ROLE`))
	if !lease(t, s, 2, "z", time.Minute).Held {
		t.Fatal("no lease")
	}
	role := "te_role_" + app.Config().Database
	exec(t, app, `REVOKE ALL ON ALL TABLES IN SCHEMA thumbedge FROM `+role)
	if !worksWithoutSchema(t, s) {
		t.Error("the row could not be written")
	}
}

func TestDisabledTriggersAreNotInstalled(t *testing.T) {
	t.Parallel()
	databaseURL, app := migrated(t)
	s := newStore(t, databaseURL)
	for sql, want := range map[string]bool{
		`ALTER TABLE main_sourceimage DISABLE TRIGGER USER`:                false,
		`ALTER TABLE main_sourceimage ENABLE TRIGGER USER`:                 true,
		`DROP TRIGGER thumbedge_notify ON main_project`:                    false,
		`ALTER TABLE main_project ENABLE REPLICA TRIGGER thumbedge_notify`: false,
	} {
		exec(t, app, `BEGIN`)
		exec(t, app, sql)
		exec(t, app, `COMMIT`)
		got, err := s.Installed(t.Context())
		if err != nil || got.Triggers != want {
			t.Errorf("%s: %+v, %v", sql, got, err)
		}
		exec(t, app, `ALTER TABLE main_sourceimage ENABLE TRIGGER USER; DROP TRIGGER IF EXISTS thumbedge_notify ON main_project;
			CREATE TRIGGER thumbedge_notify AFTER UPDATE OR DELETE ON main_project FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('project')`)
	}
}
