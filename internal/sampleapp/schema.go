package sampleapp

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Schema is the SQL that makes the app's tables in an empty database, as antenna's
// own migrations make them.
//
//go:embed schema.sql
var Schema string

// Defaults is the SQL that spares INSERTs written by hand, in tests and benchmarks,
// the columns that Django fills in. Thumbnail rows have none: thumbedge writes those.
//
//go:embed defaults.sql
var Defaults string

// ownSchema is the SQL of the tables that only the sample app knows. It can be
// run again.
//
//go:embed own.sql
var ownSchema string

// prepareLock is the advisory lock under which tables are made and seeded, so
// that two sample apps may start on one database at the same time.
const prepareLock = 0x73616d706c65

// prepare makes the tables that are not there.
func prepare(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var present bool
		err := tx.QueryRow(ctx, `SELECT to_regclass('main_project') IS NOT NULL FROM pg_advisory_xact_lock($1)`, prepareLock).Scan(&present)
		if err != nil {
			return fmt.Errorf("looking for the app's tables: %w", err)
		}
		sql := ownSchema
		if !present {
			sql = Schema + ownSchema
		}
		if _, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("making the app's tables: %w", err)
		}
		return nil
	})
}
