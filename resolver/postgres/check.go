package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// CheckTables tries what serve will read and write, by its own statements, and rolls
// it all back: what is left is a number of a sequence that is never used. The error
// names what is missing, a table, a column, a constraint or a right, and the way out.
func (s *Store) CheckTables(ctx context.Context) error {
	if _, err := s.Captures(ctx, []thumb.ID{1}); err != nil {
		return err
	}
	if _, err := s.Original(ctx, 1); err != nil && !errors.Is(err, thumb.ErrUnknownCapture) {
		return err
	}
	return s.run(ctx, "check", "trying to write", func(ctx context.Context, conn *pgxpool.Conn) error {
		schema, err := s.schema.isUsable(ctx, conn)
		if err != nil {
			return err
		}
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // what is left open, Release closes
		for _, w := range s.writes(schema) {
			if _, err := tx.Exec(ctx, s.sql(w.sql), w.args...); err != nil {
				return withWayOut(fmt.Errorf("%s: %w", w.doing, err))
			}
		}
		return nil
	})
}

// write is a statement that serve or reconcile sends.
type write struct {
	doing, sql string
	args       []any
}

// writes are the statements that write, for a capture that no app has, under a label
// that no configuration has: no row that is there is touched, or waited for.
func (s *Store) writes(schema bool) []write {
	const nobody = int64(0)
	label, path := "check_"+rand.Text(), string(s.keys.AppendFolder(nil, thumb.ID(nobody)))+rand.Text()
	given := func(path string) []any {
		return []any{nobody, []string{label}, []string{path}, []int{1}, []int{1}, []int64{1}, []*string{nil}}
	}
	upsert, recording := givenSQL+foundSQL+upsertedSQL, []any(nil)
	if schema {
		upsert, recording = givenSQL+foundSQL+recordUnnamedSQL+upsertedSQL, []any{string(s.keys.AppendFolder(nil, thumb.ID(nobody))), 1.0}
	}
	writes := []write{
		{"limiting the wait for locks", `SET LOCAL lock_timeout = '2s'`, nil},
		{"inserting a thumbnail row", upsert, slices.Concat(given(path), recording)},
		{"updating it", upsert, slices.Concat(given(path+"2"), recording)},
		{"deleting it", `DELETE FROM {thumbnail} WHERE source_image_id = $1 AND label = $2`, []any{nobody, label}},
	}
	if !schema {
		return writes
	}
	return append(writes,
		write{"taking a lease", s.sql(takeSQL), []any{nobody, label, 1.0}},
		write{"releasing a lease", `DELETE FROM thumbedge.lease WHERE capture_id = $1 AND holder = $2`, []any{nobody, label}},
		write{"recording a file for deletion", recordSQL, []any{[]string{path}, nobody, 1.0}},
		write{"forgetting it", `DELETE FROM {files} WHERE path = $1`, []any{path}},
	)
}

// withWayOut adds to an error of the database what to do about it.
func withWayOut(err error) error {
	switch {
	case hasCode(err, noPrivilege):
		return fmt.Errorf("%w; grant this role what the app's own has on its tables and their sequences", err)
	case hasCode(err, noArbiter):
		return fmt.Errorf("%w; the table lacks unique_source_image_thumbnail_label, UNIQUE (source_image_id, label), which the app's migrations make", err)
	case hasCode(err, readOnly):
		return fmt.Errorf("%w; point database.url to the primary, as a role that writes by default", err)
	}
	return err
}

// readOnlySQL says why nothing can be written.
const readOnlySQL = `SELECT CASE WHEN pg_is_in_recovery() THEN 'it is a standby, or is being recovered'
	WHEN current_setting('transaction_read_only')::bool THEN 'default_transaction_read_only is on' ELSE '' END`

// ReadOnly says why the database takes no writes, "" where it takes them.
func (s *Store) ReadOnly(ctx context.Context) (why string, err error) {
	err = s.run(ctx, "read_only", "asking whether the database takes writes", func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, readOnlySQL).Scan(&why)
	})
	return why, err
}

// NewestMigration returns the last migration that is applied, 0 where there is none, or
// this role may not know.
func (s *Store) NewestMigration(ctx context.Context) (number int, name string, err error) {
	err = s.run(ctx, "installed", "reading which migrations are applied", func(ctx context.Context, conn *pgxpool.Conn) error {
		err := conn.QueryRow(ctx, `SELECT number, name FROM thumbedge.migration ORDER BY number DESC LIMIT 1`).Scan(&number, &name)
		if errors.Is(err, pgx.ErrNoRows) || hasCode(err, noSuchSchema, noSuchTable, noPrivilege) {
			return nil
		}
		return err
	})
	return number, name, err
}

// ThumbnailTableIsOurs says whether an earlier thumbedge made the table of thumbnail
// rows, and the app does not know of it yet: then its migration that makes the table
// has to be faked, or it will fail when the app is upgraded.
func (s *Store) ThumbnailTableIsOurs(ctx context.Context) (ours bool, err error) {
	err = s.run(ctx, "check", "asking who made the table of thumbnail rows", func(ctx context.Context, conn *pgxpool.Conn) error {
		var django bool
		err := conn.QueryRow(ctx, `SELECT coalesce(obj_description(to_regclass($1), 'pg_class') = 'made by thumbedge migrate', false),
			to_regclass('django_migrations') IS NOT NULL`, s.sql("{thumbnail}")).Scan(&ours, &django)
		if err != nil || !ours || !django {
			return err
		}
		var faked bool
		err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM django_migrations WHERE app = 'main' AND name LIKE '0091%')`).Scan(&faked)
		if hasCode(err, noPrivilege) {
			return nil
		}
		ours = ours && !faked
		return err
	})
	return ours, err
}
