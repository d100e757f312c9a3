package migrations_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// notified is a migrated database with a project, ten captures of it that have two
// rows each, and a listener.
type notified struct {
	url    string
	app    *pgx.Conn // writes, as the app does
	listen *pgx.Conn
}

const fill = `
	INSERT INTO main_project (id, name, draft) VALUES (1, 'moths', false), (2, 'drafts', true);
	INSERT INTO main_sourceimage (id, path, public_base_url, last_modified, project_id)
		SELECT g, 'night/' || g || '.jpg', 'https://example.org/', '2026-06-01', 1 FROM generate_series(1, 10) g;
	INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
		SELECT now(), now(), label || g, label, 240, 127, 1, '2026-06-01', g FROM generate_series(1, 10) g, unnest(ARRAY['small', 'medium']) label`

func newNotified(t *testing.T) *notified {
	t.Helper()
	n := &notified{url: testenv.Database(t)}
	up(t, n.url)
	n.app, n.listen = connect(t, n.url), connect(t, n.url)
	exec(t, n.app, fill)
	exec(t, n.listen, `LISTEN thumbedge`)
	return n
}

// heard returns what came since the last call, sorted as text.
func (n *notified) heard(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	exec(t, n.listen, `NOTIFY thumbedge, 'end'`)
	var payloads []string
	for {
		got, err := n.listen.WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got.Payload == "end" {
			slices.Sort(payloads)
			return strings.Join(payloads, " ")
		}
		payloads = append(payloads, got.Payload)
	}
}

const privateRow = `INSERT INTO thumbedge.private_thumbnail (source_image_id, label, path, width, height, size, created_at, updated_at)
	VALUES (3, 'small', 'p', 240, 1, 1, now(), now())`

func TestWhatIsNotified(t *testing.T) {
	t.Parallel()
	n := newNotified(t)
	for _, c := range []struct{ what, sql, want string }{
		{"row inserted", `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) VALUES (now(), now(), 'l', 'large', 2560, 1, 1, 3)`, "3"},
		{"row's path changed", `UPDATE main_sourceimagethumbnail SET path = 'other' WHERE source_image_id = 4 AND label = 'small'`, "4"},
		{"path blanked", `UPDATE main_sourceimagethumbnail SET path = '' WHERE source_image_id = 4 AND label = 'small'`, "4"},
		{"width changed", `UPDATE main_sourceimagethumbnail SET width = 239 WHERE source_image_id = 4 AND label = 'small'`, "4"},
		{"label changed", `UPDATE main_sourceimagethumbnail SET label = 'tiny' WHERE source_image_id = 4 AND label = 'small'`, "4"},
		{"last_modified changed", `UPDATE main_sourceimagethumbnail SET last_modified = now() WHERE source_image_id = 4 AND label = 'tiny'`, "4"},
		{"last_modified to null", `UPDATE main_sourceimagethumbnail SET last_modified = NULL WHERE source_image_id = 4 AND label = 'tiny'`, "4"},
		{"row moved to another capture", `UPDATE main_sourceimagethumbnail SET source_image_id = 5 WHERE source_image_id = 4 AND label = 'tiny'`, "4 5"},
		{"row deleted", `DELETE FROM main_sourceimagethumbnail WHERE source_image_id = 3 AND label = 'large'`, "3"},
		{"upsert", `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) VALUES (now(), now(), 'l', 'small', 240, 1, 1, 6)
			ON CONFLICT (source_image_id, label) DO UPDATE SET path = excluded.path`, "6"},
		{"rows of three captures at once", `UPDATE main_sourceimagethumbnail SET width = width + 1 WHERE source_image_id IN (7, 8, 9)`, "7 8 9"},
		{"rows rewritten unchanged", `UPDATE main_sourceimagethumbnail SET path = path, width = width, updated_at = now()`, ""},
		{"what no page depends on", `UPDATE main_sourceimagethumbnail SET height = height + 1, size = size + 1, updated_at = now()`, ""},

		{"original replaced", `UPDATE main_sourceimage SET last_modified = now() WHERE id = 1`, "1"},
		{"original's time forgotten", `UPDATE main_sourceimage SET last_modified = NULL WHERE id = 1`, "1"},
		{"original moved", `UPDATE main_sourceimage SET path = 'day/1.jpg' WHERE id = 1`, "1"},
		{"base URL changed", `UPDATE main_sourceimage SET public_base_url = NULL WHERE id = 1`, "1"},
		{"capture moved to another project", `UPDATE main_sourceimage SET project_id = 2 WHERE id = 1`, "1"},
		{"capture taken out of every project", `UPDATE main_sourceimage SET project_id = NULL WHERE id = 1`, "1"},
		{"captures rewritten unchanged", `UPDATE main_sourceimage SET path = path, last_modified = last_modified, project_id = project_id, updated_at = now()`, ""},
		{"what no page depends on, of captures", `UPDATE main_sourceimage SET width = 1, checksum = 'x', size = 5`, ""},
		{"new captures", `INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'p', 1 FROM generate_series(100, 5000) g`, ""},
		{"capture deleted as Django does, its rows first", `BEGIN; DELETE FROM main_sourceimagethumbnail WHERE source_image_id = 10; DELETE FROM main_sourceimage WHERE id = 10; COMMIT`, "10"},
		{"captures without rows deleted", `DELETE FROM main_sourceimage WHERE id IN (100, 101)`, "100 101"},

		{"project turned draft", `UPDATE main_project SET draft = true WHERE id = 1`, "*"},
		{"project turned public", `UPDATE main_project SET draft = false WHERE id = 1`, "*"},
		{"both projects flipped", `UPDATE main_project SET draft = NOT draft`, "*"},
		{"project renamed", `UPDATE main_project SET name = name || '!'`, ""},
		{"project added", `INSERT INTO main_project (id, name, draft) VALUES (3, 'new', false)`, ""},
		{"project deleted", `DELETE FROM main_project WHERE id = 3`, "*"},

		{"private row inserted", privateRow, "3"},
		{"private upsert that changes nothing", privateRow + ` ON CONFLICT (source_image_id, label) DO UPDATE SET path = excluded.path, updated_at = now()`, ""},
		{"private upsert", privateRow + ` ON CONFLICT (source_image_id, label) DO UPDATE SET path = 'other'`, "3"},
		{"private row deleted", `DELETE FROM thumbedge.private_thumbnail`, "3"},
		{"private rows truncated", `TRUNCATE thumbedge.private_thumbnail`, "*"},

		{"rolled back", `BEGIN; UPDATE main_sourceimage SET last_modified = now(); DELETE FROM main_sourceimagethumbnail; ROLLBACK`, ""},
		{"rows truncated", `TRUNCATE main_sourceimagethumbnail`, "*"},
		{"captures truncated", `TRUNCATE main_sourceimage CASCADE`, "*"},
	} {
		exec(t, n.app, c.sql)
		if got := n.heard(t); got != c.want {
			t.Errorf("%s: heard %q, want %q", c.what, got, c.want)
		}
	}
}

// Captures deleted by a cascade of the database's, where a schema has one.
func TestCascadeIsNotified(t *testing.T) {
	t.Parallel()
	n := newNotified(t)
	exec(t, n.app, `ALTER TABLE main_sourceimagethumbnail DROP CONSTRAINT main_sourceimagethum_source_image_id_d55621ed_fk_main_sour,
		ADD FOREIGN KEY (source_image_id) REFERENCES main_sourceimage ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED`)
	exec(t, n.app, `DELETE FROM main_sourceimage WHERE id IN (2, 3)`)
	if got := n.heard(t); got != "2 3" {
		t.Errorf("heard %q", got)
	}
}

// A bulk change is at most 1000 ids and then one "everything".
func TestBulkChangeEndsInEverything(t *testing.T) {
	t.Parallel()
	n := newNotified(t)
	exec(t, n.app, `INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'p', 1 FROM generate_series(1001, 4000) g`)
	touch := func(from, to int) string {
		return fmt.Sprintf(`UPDATE main_sourceimage SET last_modified = clock_timestamp() WHERE id BETWEEN %d AND %d;`, from, to)
	}
	ids := func(heard string) (n int) {
		for _, payload := range strings.Fields(heard) {
			if payload != "*" {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		what, sql string
		ids       int
		all       bool
	}{
		{"1000 captures", touch(1001, 2000), 1000, false},
		{"1001 captures", touch(1001, 2001), 1000, true},
		{"3000 captures", touch(1001, 4000), 1000, true},
		{"the next transaction counts anew", touch(1001, 1002), 2, false},
		{"two statements of a transaction count together", "BEGIN;" + touch(1001, 1600) + touch(2001, 2600) + "COMMIT", 1000, true},
		{"a savepoint that is rolled back takes its count along",
			"BEGIN; SAVEPOINT a;" + touch(1001, 4000) + "ROLLBACK TO a;" + touch(1001, 1900) + "COMMIT", 900, false},
		{"one that is released leaves it", "BEGIN; SAVEPOINT a;" + touch(1001, 1900) + "RELEASE a;" + touch(1901, 2100) + "COMMIT", 1000, true},
		{"a rollback leaves nothing", "BEGIN;" + touch(1001, 4000) + "ROLLBACK;" + touch(1001, 1001), 1, false},
		{"a project's flip is all there is to say", "BEGIN; UPDATE main_project SET draft = NOT draft;" + touch(1001, 4000) + "COMMIT", 0, true},
	} {
		exec(t, n.app, c.sql)
		heard := n.heard(t)
		if got, all := ids(heard), strings.Contains(heard, "*"); got != c.ids || all != c.all {
			t.Errorf("%s: %d ids and everything %t, want %d and %t", c.what, got, all, c.ids, c.all)
		}
	}
}

// The app's own later migrations run with the triggers in place, and sessions that
// were open meanwhile, whose plans are for the old types, go on writing and being
// notified of.
func TestAppsLaterMigrations(t *testing.T) {
	t.Parallel()
	n := newNotified(t)
	change := 0
	// Touches every column that the triggers look at, then one that they do not.
	writeAll := func(what string, c *pgx.Conn) {
		t.Helper()
		change++
		for _, step := range []struct{ sql, want string }{
			{`UPDATE main_sourceimagethumbnail SET path = $1 WHERE source_image_id = 2 AND label = 'small'`, "2"},
			{`UPDATE main_sourceimage SET path = $1 WHERE id = 3`, "3"},
			{`UPDATE main_sourceimagethumbnail SET height = length($1) + height`, ""},
			{`UPDATE main_sourceimage SET checksum = $1`, ""},
			{`UPDATE main_project SET draft = NOT draft, name = $1 WHERE id = 1`, "*"},
			{`UPDATE main_project SET name = $1 WHERE id = 1`, ""},
			{`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) VALUES (now(), now(), 'x', $1, 1, 1, 1, 6)`, "6"},
			{`DELETE FROM main_sourceimagethumbnail WHERE label = $1`, "6"},
		} {
			if _, err := c.Exec(t.Context(), step.sql, pgx.QueryExecModeExec, strconv.Itoa(change)); err != nil {
				t.Fatalf("after %s: %s: %v", what, step.sql, err)
			}
			if got := n.heard(t); got != step.want {
				t.Errorf("after %s: %s: heard %q, want %q", what, step.sql, got, step.want)
			}
		}
	}
	migration := connect(t, n.url)
	writeAll("nothing", n.app)
	for _, sql := range []string{
		`ALTER TABLE main_sourceimagethumbnail ALTER COLUMN path TYPE text`,
		`ALTER TABLE main_sourceimagethumbnail ALTER COLUMN width TYPE bigint`,
		`ALTER TABLE main_sourceimagethumbnail ALTER COLUMN label TYPE varchar(300)`,
		`ALTER TABLE main_sourceimagethumbnail ALTER COLUMN source_image_id TYPE numeric(20) USING source_image_id`,
		`ALTER TABLE main_sourceimagethumbnail ADD COLUMN note text NOT NULL DEFAULT ''`,
		`ALTER TABLE main_sourceimage ALTER COLUMN path TYPE text`,
		`ALTER TABLE main_sourceimage ALTER COLUMN path TYPE varchar(255)`,
		`ALTER TABLE main_sourceimage DROP COLUMN event_id, ADD COLUMN extra jsonb`,
		`ALTER TABLE main_sourceimage DROP COLUMN public_base_url`, // one that is compared
		`ALTER TABLE main_sourceimage RENAME COLUMN last_modified TO modified`,
		`ALTER TABLE main_project ALTER COLUMN draft TYPE integer USING draft::integer`,
		`ALTER TABLE main_project ALTER COLUMN draft TYPE boolean USING draft = 1`,
	} {
		if strings.Contains(sql, "numeric") {
			exec(t, migration, `ALTER TABLE main_sourceimagethumbnail DROP CONSTRAINT main_sourceimagethum_source_image_id_d55621ed_fk_main_sour`)
		}
		exec(t, migration, sql)
		if strings.Contains(sql, "integer") {
			continue // NOT draft is no integer
		}
		writeAll(sql, n.app)
		writeAll(sql, migration)
		writeAll(sql, connect(t, n.url))
	}
}

// The app writes as a role that may know nothing of schema thumbedge.
func TestWriterNeedsNoRightsOnTheSchema(t *testing.T) {
	t.Parallel()
	n := newNotified(t)
	role := "te_app_" + n.app.Config().Database
	exec(t, n.app, `CREATE ROLE `+role+`; GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO `+role)
	t.Cleanup(func() { exec(t, n.app, `RESET ROLE; DROP OWNED BY `+role+`; DROP ROLE `+role) })
	exec(t, n.app, `REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA thumbedge FROM PUBLIC`)
	exec(t, n.app, `SET ROLE `+role+`; SET search_path = pg_temp, public; UPDATE main_sourceimage SET last_modified = now() WHERE id = 1`)
	if got := n.heard(t); got != "1" {
		t.Errorf("heard %q", got)
	}
	if _, err := n.app.Exec(t.Context(), `SELECT * FROM thumbedge.lease`); err == nil {
		t.Error("the role can read the leases: the test shows nothing")
	}
}

func TestAppsRoleIsGrantedWhatServeNeeds(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	admin := connect(t, url)
	role := "te_owner_" + admin.Config().Database
	exec(t, admin, `CREATE ROLE `+role+`; ALTER TABLE main_sourceimage OWNER TO `+role)
	t.Cleanup(func() { exec(t, admin, `RESET ROLE; DROP OWNED BY `+role+` CASCADE; DROP ROLE `+role) })
	up(t, url)
	exec(t, admin, `SET ROLE `+role)
	exec(t, admin, `INSERT INTO thumbedge.lease VALUES (1, 'me', now()); DELETE FROM thumbedge.lease;
		INSERT INTO thumbedge.file_to_delete VALUES ('p', 1, now()); UPDATE thumbedge.file_to_delete SET due = now(); DELETE FROM thumbedge.file_to_delete`)
	if diff := cmp.Diff(1, ask[int](t, admin, `SELECT min(number) FROM thumbedge.migration`)); diff != "" {
		t.Error(diff)
	}
}
