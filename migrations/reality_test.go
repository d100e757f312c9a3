package migrations_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
)

// told makes a Migrator and collects what it says.
func told(t *testing.T, url string) (*migrations.Migrator, *[]string) {
	t.Helper()
	lines := new([]string)
	m, err := migrations.New(url, antenna, func(line string) { *lines = append(*lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	return m, lines
}

// notifies counts the triggers that are there and fire.
func notifies(t *testing.T, conn *pgx.Conn) int {
	return ask[int](t, conn, `SELECT count(*) FROM pg_trigger WHERE tgname IN ('thumbedge_notify', 'thumbedge_truncate') AND tgenabled IN ('O', 'A')
		AND tgrelid IN ('main_sourceimage'::regclass, 'main_project'::regclass, 'main_sourceimagethumbnail'::regclass, to_regclass('thumbedge.private_thumbnail'))`)
}

// swapped puts a copy in the thumbnail table's place, as some tools do that rewrite a
// large table; the old one keeps its triggers.
const swapped = `CREATE TABLE copy (LIKE main_sourceimagethumbnail INCLUDING ALL); ALTER TABLE main_sourceimagethumbnail RENAME TO old;
	ALTER TABLE copy RENAME TO main_sourceimagethumbnail`

// What got lost by hand comes back with up, and down works whether it did or not.
func TestUpBringsBackWhatGotLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]string{
		"a trigger":                  `DROP TRIGGER thumbedge_notify ON main_sourceimage`,
		"a trigger that is disabled": `ALTER TABLE main_project DISABLE TRIGGER thumbedge_truncate`,
		"every trigger":              `ALTER TABLE main_project DISABLE TRIGGER ALL; DROP FUNCTION thumbedge.notify() CASCADE`,
		"a swapped table":            swapped,
		"a table of ours":            `DROP TABLE thumbedge.lease`,
		"private thumbnails":         `DROP TABLE thumbedge.private_thumbnail, thumbedge.draft_project`,
		"their trigger":              `ALTER TABLE thumbedge.private_thumbnail DISABLE TRIGGER thumbedge_notify`,
		"the whole schema":           `DROP SCHEMA thumbedge CASCADE`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testenv.Database(t)
			conn := connect(t, url)
			m, lines := told(t, url)
			for _, healed := range []bool{true, false} {
				if err := m.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
				exec(t, conn, lose)
				if healed {
					*lines = nil
					if err := m.Up(t.Context()); err != nil {
						t.Fatal(err)
					}
					if n := notifies(t, conn); n != 8 || ask[bool](t, conn, `SELECT to_regclass('thumbedge.lease') IS NULL`) {
						t.Errorf("%d triggers after up, want 8 and every table; it said %q", n, *lines)
					}
					if len(*lines) == 0 || name != "the whole schema" && !strings.Contains(strings.Join(*lines, ";"), "had got lost, applied again") {
						t.Errorf("up said %q", *lines)
					}
				}
				if err := m.Down(t.Context(), 0); err != nil {
					t.Errorf("down: %v", err)
				}
				if left := ask[bool](t, conn, `SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname LIKE 'thumbedge%')
					OR EXISTS (SELECT FROM pg_namespace WHERE nspname = 'thumbedge')`); left {
					t.Error("down left something")
				}
				if name == "a swapped table" {
					exec(t, conn, `DROP TABLE old`)
				}
			}
		})
	}
}

func TestUpSaysThatThereWasNothingToDo(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	m, lines := told(t, url)
	for _, run := range []func() error{
		func() error { return m.Up(t.Context()) }, func() error { *lines = nil; return m.Up(t.Context()) },
	} {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	}
	if len(*lines) != 1 || !strings.HasPrefix((*lines)[0], "nothing to do") {
		t.Errorf("up said %q", *lines)
	}
}

// A schema that a newer thumbedge made is named and left alone.
func TestANewerSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	conn := connect(t, url)
	up(t, url)
	exec(t, conn, `INSERT INTO thumbedge.migration (number, name) VALUES (4711, 'of_tomorrow'); DROP TRIGGER thumbedge_notify ON main_sourceimage`)
	before := shape(t, conn)
	m, _ := told(t, url)
	for name, run := range map[string]func() error{
		"up": func() error { return m.Up(t.Context()) }, "down": func() error { return m.Down(t.Context(), 0) },
	} {
		if err := run(); !errors.Is(err, migrations.ErrNewer) || !strings.Contains(err.Error(), "4711 of_tomorrow") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, shape(t, conn)); diff != "" {
		t.Errorf("it was not left alone: %s", diff)
	}
	states, err := m.Status(t.Context())
	if err != nil || !states[len(states)-1].Unknown || states[len(states)-1].Number != 4711 {
		t.Errorf("the status is %+v, %v", states, err)
	}
}

// The app's tables are the app's to make: up says what makes the one that an older app
// lacks, and does nothing.
func TestUpMakesNoTableOfTheApps(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	conn := connect(t, url)
	exec(t, conn, `DROP TABLE main_sourceimagethumbnail`)
	before := shape(t, conn)
	err := migrator(t, url, antenna).Up(t.Context())
	if err == nil || !strings.Contains(err.Error(), "main_sourceimagethumbnail") || !strings.Contains(err.Error(), "main.0091") {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff(before, shape(t, conn)); diff != "" {
		t.Errorf("up did something: %s", diff)
	}
}

// A site whose thumbnail table an earlier thumbedge made: up makes it allow what the
// app's own allows, and down never drops it, empty or not.
func TestATableThatWeOnceMadeStays(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]string{
		"empty": ``,
		"filled": `INSERT INTO main_sourceimage (id, path) VALUES (1, 'p');
			INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id) VALUES (now(), now(), 'p', 'l', 1, 1, 1, 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testenv.Database(t)
			conn := connect(t, url)
			exec(t, conn, `DROP TABLE main_sourceimagethumbnail;
				CREATE TABLE main_sourceimagethumbnail (
					id bigserial PRIMARY KEY, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
					path varchar(255) NOT NULL, label varchar(255) NOT NULL, width integer NOT NULL, height integer NOT NULL, size bigint NOT NULL,
					last_modified timestamptz, source_image_id bigint NOT NULL REFERENCES main_sourceimage (id) DEFERRABLE INITIALLY DEFERRED,
					CONSTRAINT unique_source_image_thumbnail_label UNIQUE (source_image_id, label));
				CREATE INDEX ON main_sourceimagethumbnail (source_image_id, label);
				COMMENT ON TABLE main_sourceimagethumbnail IS 'made by thumbedge migrate';`+fill)
			rows := ask[int](t, conn, `SELECT count(*) FROM main_sourceimagethumbnail`)
			up(t, url)
			exec(t, conn, `BEGIN; UPDATE main_sourceimagethumbnail SET width = NULL, height = NULL, size = NULL; ROLLBACK`)
			if ask[bool](t, conn, `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'main_sourceimagethumbnail'::regclass
				AND attname IN ('width', 'height', 'size') AND attnotnull) OR to_regclass('main_source_source__b0d4cd_idx') IS NULL`) {
				t.Error("the table is not as the app's own")
			}
			if err := migrator(t, url, antenna).Down(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if n := ask[int](t, conn, `SELECT count(*) FROM main_sourceimagethumbnail`); n != rows {
				t.Errorf("%d rows of %d are left", n, rows)
			}
		})
	}
}

// Files of private thumbnails are not forgotten without a word.
func TestDownTellsOfPrivateFiles(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	conn := connect(t, url)
	for _, c := range []struct{ fill, want string }{
		{``, ""},
		{`INSERT INTO thumbedge.private_thumbnail (source_image_id, label, path, width, height, size, created_at, updated_at)
			SELECT 7, 'label' || g, 'p' || g, 1, 1, 1, now(), now() FROM generate_series(1, 3) g;
			INSERT INTO thumbedge.private_file_to_delete VALUES ('q', 8, now())`, "the files of 4 private thumbnails stay"},
	} {
		up(t, url)
		exec(t, conn, c.fill)
		m, lines := told(t, url)
		if err := m.Down(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(*lines, "; "); !strings.Contains(said, "taken back") || (c.want == "") == strings.Contains(said, "private thumbnails") || !strings.Contains(said, c.want) {
			t.Errorf("down said %q, want something of %q", said, c.want)
		}
	}
}

// TestDownBringsTheFunctionBack: a step that replaced a function of another step puts that
// one's back, and up brings its own back where that got lost.
func TestDownBringsTheFunctionBack(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	conn := connect(t, url)
	source := func() string {
		return ask[string](t, conn, `SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure('thumbedge.notify()')`)
	}
	m, _ := told(t, url)
	up(t, url)
	latest, all := source(), notifies(t, conn)
	if err := m.Down(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	first := source()
	file, err := os.ReadFile("sql/0003_notify.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	if first == latest || !strings.Contains(string(file), first) {
		t.Errorf("after down the function is\n%s", first)
	}
	for _, lost := range []string{`SELECT`, `DROP FUNCTION thumbedge.notify() CASCADE`, strings.Replace(string(file), "-- table:", "", 1)} {
		exec(t, conn, lost)
		if up(t, url); source() != latest || notifies(t, conn) != all {
			t.Errorf("after %.40q, up made %d triggers of\n%s", lost, notifies(t, conn), source())
		}
	}
}
