package migrations

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

type direction bool

const (
	up   direction = true
	down direction = false
)

// advisoryKey is held, until the end of its transaction, by whoever migrates.
const advisoryKey = 7_480_115_105

// patiently runs a step; where it can't have its lock in time, it says who has it
// and tries again.
func (m *Migrator) patiently(ctx context.Context, conn *pgx.Conn, s *step, to direction) (did bool, err error) {
	for attempt := 1; ; attempt++ {
		did, err := m.run(ctx, conn, s, to)
		if !hasCode(err, "55P03", "40P01") { // lock not available, deadlock
			return did, err
		}
		holders := m.holders(ctx, conn, s, to)
		if attempt == m.attempts {
			return false, fmt.Errorf("%w; the lock was asked for %d times, and is held by %s", err, attempt, holders)
		}
		pause := min(time.Duration(attempt)*m.pause, 10*m.pause)
		m.progress(fmt.Sprintf("%04d %s: waiting for %s; trying again in %v", s.number, s.name, holders, pause))
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("waiting for %s: %w", holders, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// run is one attempt: one transaction, which does nothing where there is nothing
// to do.
func (m *Migrator) run(ctx context.Context, conn *pgx.Conn, s *step, to direction) (did bool, err error) {
	start := time.Now()
	verb, sql := "applied", s.up
	if to == down {
		verb, sql = "taken back", s.down
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		settings := fmt.Sprintf(`SET LOCAL lock_timeout = %d; SELECT pg_advisory_xact_lock(%d)`,
			m.lockTimeout.Milliseconds(), advisoryKey)
		if _, err := tx.Exec(ctx, settings); err != nil {
			return err
		}
		applied, err := isApplied(ctx, tx, s.number)
		if err != nil {
			return err
		}
		if applied == bool(to) {
			holds, err := s.isThere(ctx, tx)
			if err != nil || holds || to == down {
				verb = ""
				return err
			}
			verb = "had got lost, applied again"
		}
		if to == down {
			// First: the last step down removes the very table.
			if _, err := tx.Exec(ctx, `DELETE FROM thumbedge.migration WHERE number = $1`, s.number); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
		if to == up {
			_, err = tx.Exec(ctx, `INSERT INTO thumbedge.migration (number, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, s.number, s.name)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("migration %04d %s: %w", s.number, s.name, err)
	}
	if verb == "" {
		return false, nil
	}
	m.progress(fmt.Sprintf("%04d %s: %s in %v", s.number, s.name, verb, time.Since(start).Round(time.Millisecond)))
	return true, nil
}

// isThere says whether what the step made is there.
func (s *step) isThere(ctx context.Context, tx pgx.Tx) (there bool, err error) {
	if s.holds == "" {
		return true, nil
	}
	err = tx.QueryRow(ctx, `SELECT `+s.holds).Scan(&there)
	return there, err
}

func isApplied(ctx context.Context, tx pgx.Tx, number int) (applied bool, err error) {
	err = tx.QueryRow(ctx, `SELECT to_regclass('thumbedge.migration') IS NOT NULL`).Scan(&applied)
	if err == nil && applied {
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM thumbedge.migration WHERE number = $1)`, number).Scan(&applied)
	}
	return applied, err
}

// holdersSQL asks who has locks on a table, but for those modes that do not keep
// out a step ($2), and who is migrating. The oldest transaction first.
const holdersSQL = `
SELECT format('process %s (%s%s, %s, its transaction %s old): %s', a.pid, a.usename,
	coalesce(', ' || nullif(a.application_name, ''), ''), a.state,
	date_trunc('second', clock_timestamp() - a.xact_start), left(regexp_replace(a.query, '\s+', ' ', 'g'), 80))
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND EXISTS (
	SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.granted AND (
		l.relation = to_regclass(nullif($1, '')) AND NOT l.mode = ANY ($2)
		OR l.locktype = 'advisory' AND l.classid = $3::bigint >> 32 AND l.objid = $3::bigint & 4294967295
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))
ORDER BY a.xact_start LIMIT 3`

// holders says who keeps a step from its lock, as far as the database tells.
func (m *Migrator) holders(ctx context.Context, conn *pgx.Conn, s *step, to direction) string {
	harmless := []string{}
	if to == up { // CREATE TRIGGER lets readers be
		harmless = []string{"AccessShareLock", "RowShareLock"}
	}
	rows, _ := conn.Query(ctx, holdersSQL, s.table, harmless, int64(advisoryKey))
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	switch {
	case err != nil:
		return "another transaction (its holder could not be asked for: " + err.Error() + ")"
	case len(found) == 0:
		return "another transaction, which has ended since"
	}
	return strings.Join(found, "; ")
}
