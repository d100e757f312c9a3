package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Installed says which parts of what `thumbedge migrate` makes are there.
type Installed struct {
	Schema   bool // schema thumbedge, and the role may write to its tables
	Triggers bool // the notify triggers, on every table of the app's, enabled
	// Private: what private thumbnails need of schema thumbedge, its triggers included.
	// Looked for only where there is private storage.
	Private bool
}

// lookAgain is how long what was seen of the installation is believed: `migrate
// up` and `down` while serve runs are noticed within it. A statement that finds
// the schema gone is believed at once.
const lookAgain = 10 * time.Second

// installedSQL looks in the catalogs only, which every role may read; to_regclass
// would fail for a schema that the role may not use.
const installedSQL = `
SELECT (SELECT count(*) = 3 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'thumbedge' AND c.relname IN ('lease', 'file_to_delete', 'reconcile')
			AND has_schema_privilege(n.oid, 'USAGE')
			AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
			AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
		AND current_setting('transaction_read_only') = 'off',
	(SELECT count(*) = 6 ` + fromTriggers + `)`

// fromTriggers are the triggers that are there and fire, on the tables $1 to $3:
// two on each. A table that does not exist has none.
const fromTriggers = `FROM pg_catalog.pg_trigger t
	WHERE t.tgrelid IN (to_regclass($1), to_regclass($2), to_regclass($3)) AND t.tgenabled IN ('O', 'A')
		AND t.tgname IN ('thumbedge_notify', 'thumbedge_truncate')`

// privateInstalledSQL looks for what private thumbnails need.
const privateInstalledSQL = `
SELECT (SELECT count(*) = 3 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'thumbedge' AND c.relname IN ('private_thumbnail', 'private_file_to_delete', 'draft_project')
			AND has_schema_privilege(n.oid, 'USAGE')
			AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
			AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
		AND (SELECT count(*) = 2 FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
			JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = 'thumbedge' AND c.relname = 'private_thumbnail' AND t.tgenabled IN ('O', 'A')
				AND t.tgname IN ('thumbedge_notify', 'thumbedge_truncate'))
		AND current_setting('transaction_read_only') = 'off'`

// Installed looks for what migrate makes. It logs when that has changed, so a
// database without the migrations is warned of once.
func (s *Store) Installed(ctx context.Context) (Installed, error) {
	var now Installed
	err := s.run(ctx, "installed", "looking for schema thumbedge", func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		now, err = s.look(ctx, conn)
		return err
	})
	return now, err
}

// look looks for all of it.
func (s *Store) look(ctx context.Context, conn *pgxpool.Conn) (now Installed, err error) {
	err = conn.QueryRow(ctx, installedSQL, s.tables[0], s.tables[1], s.tables[2]).Scan(&now.Schema, &now.Triggers)
	if err == nil && s.private != nil {
		err = conn.QueryRow(ctx, privateInstalledSQL).Scan(&now.Private)
	}
	if err != nil {
		return Installed{}, fmt.Errorf("looking for schema thumbedge: %w", err)
	}
	s.schema.saw(now.Schema)
	if s.private != nil {
		s.private.schema.saw(now.Private)
	}
	s.note(now)
	return now, nil
}

func (s *Store) lookForSchema(ctx context.Context, conn *pgxpool.Conn) (bool, error) {
	now, err := s.look(ctx, conn)
	return now.Schema, err
}

func (s *Store) lookForPrivate(ctx context.Context, conn *pgxpool.Conn) (bool, error) {
	now, err := s.look(ctx, conn)
	return now.Private, err
}

// note says what is installed, where that is news.
func (s *Store) note(now Installed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, first := s.installed, !s.noted
	s.installed, s.noted = now, true
	s.metrics.setInstalled(now, s.private != nil)
	if now == before && !first {
		return
	}
	if !now.Schema {
		s.log.Warn("schema thumbedge is missing or this role may not write to it: replicas do not coordinate, replaced files are left for reconcile; run thumbedge migrate up")
	}
	if !now.Triggers {
		s.log.Warn("notify triggers are missing: changes in the database are noticed after cache.ttl_unlistened; run thumbedge migrate up")
	}
	if s.private != nil && !now.Private {
		s.log.Warn("the tables of private thumbnails are missing, their triggers, or this role's rights: draft projects are left to the app; run thumbedge migrate up")
	}
	if now.Schema && now.Triggers && (s.private == nil || now.Private) && !first {
		s.log.Info("schema thumbedge and its triggers are installed")
	}
}
