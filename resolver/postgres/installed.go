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
	Triggers bool // the notify triggers, on every table, enabled
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

func (s *Store) look(ctx context.Context, conn *pgxpool.Conn) (now Installed, err error) {
	err = conn.QueryRow(ctx, installedSQL, s.tables[0], s.tables[1], s.tables[2]).Scan(&now.Schema, &now.Triggers)
	if err != nil {
		return Installed{}, fmt.Errorf("looking for schema thumbedge: %w", err)
	}
	s.note(now)
	return now, nil
}

// note remembers what is installed, and says so where it is news.
func (s *Store) note(now Installed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, first := s.installed, s.seen.IsZero()
	s.installed, s.seen = now, time.Now()
	s.metrics.setInstalled(now)
	if now == before && !first {
		return
	}
	if !now.Schema {
		s.log.Warn("schema thumbedge is missing or this role may not write to it: replicas do not coordinate, replaced files are left for reconcile; run thumbedge migrate up")
	}
	if !now.Triggers {
		s.log.Warn("notify triggers are missing: changes in the database are noticed after cache.ttl_unlistened; run thumbedge migrate up")
	}
	if now.Schema && now.Triggers && !first {
		s.log.Info("schema thumbedge and its triggers are installed")
	}
}

// either does with where schema thumbedge can be used, and without where it can't,
// also where that turns out only now.
func (s *Store) either(ctx context.Context, conn *pgxpool.Conn, with, without func() error) error {
	if usable, err := s.schemaUsable(ctx, conn); err != nil {
		return err
	} else if usable {
		err := with()
		if !hasCode(err, noSuchSchema, noSuchTable, noPrivilege, readOnly) {
			return err
		}
		s.forget()
		if usable, again := s.schemaUsable(ctx, conn); again != nil || usable {
			return err // the schema is not what was missing
		}
	}
	return without()
}

func (s *Store) schemaUsable(ctx context.Context, conn *pgxpool.Conn) (bool, error) {
	s.mu.Lock()
	installed, fresh := s.installed, !s.seen.IsZero() && time.Since(s.seen) < lookAgain
	s.mu.Unlock()
	if fresh {
		return installed.Schema, nil
	}
	installed, err := s.look(ctx, conn)
	return installed.Schema, err
}

// forget has the next use of the schema look again.
func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.seen.IsZero() {
		s.seen = time.Unix(0, 0)
	}
}
