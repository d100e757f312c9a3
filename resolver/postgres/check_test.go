package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// withSequence makes the thumbnail table's id as Django before 4.1 did: by a sequence,
// which a role needs a right of its own for.
const withSequence = `ALTER TABLE main_sourceimagethumbnail ALTER id DROP IDENTITY; CREATE SEQUENCE ids START 1000 OWNED BY main_sourceimagethumbnail.id;
	ALTER TABLE main_sourceimagethumbnail ALTER id SET DEFAULT nextval('ids');`

// CheckTables finds, by the real statements, whatever would have serve fail, and says
// what to do about it; and it leaves nothing behind.
func TestCheckTables(t *testing.T) {
	t.Parallel()
	const all = `GRANT ALL ON ALL TABLES IN SCHEMA public TO ROLE; GRANT ALL ON SCHEMA thumbedge TO ROLE; GRANT ALL ON ALL TABLES IN SCHEMA thumbedge TO ROLE;`
	for name, c := range map[string]struct {
		rights string
		want   string // in the error; "": none
	}{
		"every right":                          {all, ""},
		"no right on schema thumbedge":         {`GRANT ALL ON ALL TABLES IN SCHEMA public TO ROLE`, ""},
		"every right, the sequence's too":      {withSequence + all + `GRANT USAGE ON SEQUENCE ids TO ROLE`, ""},
		"no right on the sequence":             {withSequence + all, "sequence"},
		"no right to insert":                   {all + `REVOKE INSERT ON main_sourceimagethumbnail FROM ROLE`, "grant this role"},
		"no right to update":                   {all + `REVOKE UPDATE ON main_sourceimagethumbnail FROM ROLE`, "grant this role"},
		"no right to delete":                   {all + `REVOKE DELETE ON main_sourceimagethumbnail FROM ROLE`, "grant this role"},
		"no right to read where originals lie": {all + `REVOKE SELECT ON main_s3storagesource FROM ROLE`, "main_s3storagesource"},
		"a table without its constraint":       {all + `ALTER TABLE main_sourceimagethumbnail DROP CONSTRAINT unique_source_image_thumbnail_label`, "unique_source_image_thumbnail_label"},
		"a table that lacks a column":          {all + `ALTER TABLE main_sourceimagethumbnail DROP COLUMN size`, "size"},
		"read-only by default":                 {all + `ALTER USER ROLE SET default_transaction_read_only = on`, "primary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, app := migrated(t)
			s := newStore(t, as(t, app, url, c.rights))
			err := s.CheckTables(t.Context())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("the check says %v, want %q", err, c.want)
			}
			if ask[int](t, app, `SELECT count(*) FROM main_sourceimagethumbnail`) != 2 ||
				ask[int](t, app, `SELECT (SELECT count(*) FROM thumbedge.lease) + (SELECT count(*) FROM thumbedge.file_to_delete)`) != 0 {
				t.Error("the check left something")
			}
			if busy := s.pool.Stat().AcquiredConns(); busy != 0 {
				t.Errorf("%d connections are out", busy)
			}
		})
	}
}

// Why nothing can be written, as /readyz shows it.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	for want, s := range map[string]store{
		"":                                       newStore(t, url),
		"default_transaction_read_only is on":    newStore(t, as(t, app, url, `ALTER USER ROLE SET default_transaction_read_only = on`)),
		"it is a standby, or is being recovered": newStore(t, standby(t)),
	} {
		if got, err := s.ReadOnly(t.Context()); got != want || err != nil {
			t.Errorf("read-only since %q, %v; want %q", got, err, want)
		}
	}
}

// standby is a server that was stopped, and started again as a standby.
func standby(t *testing.T) (url string) {
	server := testenv.Postgres(t)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(server.Config().Dir, "data", "PG_VERSION")
	signal := filepath.Join(server.Config().Dir, "data", "standby.signal")
	like, err := os.Stat(version)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if owner, ok := like.Sys().(*syscall.Stat_t); ok { // PostgreSQL's own user, where tests run as root
		if err := os.Chown(signal, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := postgresd.Start(context.Background(), server.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Stop() })
	return again.TCPURL("postgres")
}

func TestNewestMigration(t *testing.T) {
	t.Parallel()
	databaseURL := testenv.Database(t)
	app := connect(t, databaseURL)
	s := newStore(t, databaseURL)
	if number, _, err := s.NewestMigration(t.Context()); number != 0 || err != nil {
		t.Errorf("without schema thumbedge: %d, %v", number, err)
	}
	if err := migrate(t, databaseURL, postgres.Antenna).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, app, `INSERT INTO thumbedge.migration (number, name) VALUES (4711, 'of_tomorrow')`)
	if number, name, err := s.NewestMigration(t.Context()); number != 4711 || name != "of_tomorrow" || err != nil {
		t.Errorf("%d %s, %v", number, name, err)
	}
}

// A table that an earlier thumbedge made is the app's once the app's own migration was
// faked, or recorded in any other way.
func TestThumbnailTableIsOurs(t *testing.T) {
	t.Parallel()
	databaseURL := testenv.Database(t)
	app := connect(t, databaseURL)
	s := newStore(t, databaseURL)
	for _, c := range []struct {
		sql  string
		ours bool
	}{
		{``, false},
		{`COMMENT ON TABLE main_sourceimagethumbnail IS 'made by thumbedge migrate'`, true},
		{`CREATE TABLE django_migrations (app text, name text); INSERT INTO django_migrations VALUES ('main', '0090_x')`, true},
		{`INSERT INTO django_migrations VALUES ('main', '0091_sourceimagethumbnail_and_more')`, false},
	} {
		exec(t, app, c.sql)
		if ours, err := s.ThumbnailTableIsOurs(t.Context()); ours != c.ours || err != nil {
			t.Errorf("after %q: %t, %v", c.sql, ours, err)
		}
	}
}
