// Package migrations makes and removes what thumbedge has of its own in the app's
// database: schema thumbedge (leases, files to delete, what reconcile remembers) and
// the triggers that notify the proxies of changes. The app's tables are the app's to
// make, and no step drops one.
//
// The steps are numbered SQL files, embedded, each with its way down. They make
// reality match: a step that is recorded as applied, and whose trigger or table got
// lost since, is applied again. What a newer thumbedge has made is left alone. A step is
// one transaction and locks one table of the app's at most. It waits three seconds
// for that lock, no longer: whoever wants the table meanwhile queues behind the
// waiting step. Then it lets go, says who holds the lock, and tries again.
//
// Only `thumbedge migrate` runs them; serve never does.
package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Names are the names of the app's tables. Each may be qualified by a schema.
type Names struct {
	Capture, Project, Deployment, DataSource, Thumbnail string
}

// State is one migration and what became of it.
type State struct {
	Number  int
	Name    string
	Applied time.Time // by the database's clock; zero: not applied
	Unknown bool      // this program has no such migration: a newer one applied it
}

// Migrator runs migrations. Its methods connect on their own, and may be called
// by several processes at once: one after another they find the work done.
type Migrator struct {
	conn     *pgx.ConnConfig
	steps    []step
	progress func(string)

	lockTimeout time.Duration
	attempts    int
	pause       time.Duration // after the first attempt; grows with each
}

// Latest is the number of the last migration that this program has.
func Latest() int {
	entries, _ := files.ReadDir("sql") // embedded
	return len(entries) / 2
}

// New makes a Migrator for the database at url, through a pooler or not. Progress
// is told, in a line each, what happens; nil is allowed.
func New(url string, names Names, progress func(string)) (*Migrator, error) {
	conn, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("reading the database's URL: %w", err)
	}
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares nothing, for poolers
	steps, err := readSteps(names)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	conn.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "INFO" { // by a step, for whoever runs it
			progress(n.Message)
		}
	}
	return &Migrator{
		conn: conn, steps: steps, progress: progress,
		lockTimeout: 3 * time.Second, attempts: 20, pause: time.Second,
	}, nil
}

// Up applies every migration that is not applied yet, or whose work got lost since,
// in their order, and tells progress where there was nothing to do. Without the app's
// tables it does nothing; the error says what makes them. A schema that a newer
// thumbedge made is ErrNewer.
func (m *Migrator) Up(ctx context.Context) error {
	return m.connected(ctx, func(conn *pgx.Conn) error {
		states, err := m.states(ctx, conn)
		if err != nil {
			return err
		}
		if err := errors.Join(newer(states), m.missingTables(ctx, conn)); err != nil {
			return err
		}
		done := false
		for i := range m.steps {
			did, err := m.patiently(ctx, conn, &m.steps[i], up)
			if err != nil {
				return err
			}
			done = done || did
		}
		if !done {
			m.progress(fmt.Sprintf("nothing to do: all %d migrations are applied, and what they made is there", len(m.steps)))
		}
		return nil
	})
}

// ErrNewer is what Up and Down say of a schema that a newer thumbedge made.
var ErrNewer = errors.New("schema thumbedge was made by a newer thumbedge, and is left alone: use that one")

// newer is ErrNewer, with the migrations that this program does not know.
func newer(states []State) error {
	var unknown []string
	for _, state := range states {
		if state.Unknown {
			unknown = append(unknown, fmt.Sprintf("%04d %s", state.Number, state.Name))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return fmt.Errorf("%w (it has %s)", ErrNewer, strings.Join(unknown, ", "))
}

// missingTables names the tables that triggers belong on and that are not there.
func (m *Migrator) missingTables(ctx context.Context, conn *pgx.Conn) error {
	var errs []error
	for _, s := range m.steps {
		if s.table == "" || s.holds == "" {
			continue
		}
		var there bool
		if err := conn.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, s.table).Scan(&there); err != nil {
			return fmt.Errorf("looking for table %s: %w", s.table, err)
		}
		lacks := fmt.Sprintf("there is no table %s: run the app's own migrations first, or name its table under [database.tables]", s.table)
		if s.table == `"main_sourceimagethumbnail"` {
			lacks += "; antenna makes this one in its migration main.0091, of June 2026 (pull request #1306)"
		}
		if err := errors.New(lacks); !there && !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == lacks }) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Down takes back the last applied migrations: as many as steps says, all of them
// where it is 0 or less.
func (m *Migrator) Down(ctx context.Context, steps int) error {
	return m.connected(ctx, func(conn *pgx.Conn) error {
		states, err := m.states(ctx, conn)
		if err != nil {
			return err
		}
		if err := newer(states); err != nil {
			return err
		}
		done := 0
		for i, state := range slices.Backward(states) {
			if state.Applied.IsZero() {
				continue
			}
			if done++; steps > 0 && done > steps {
				return nil
			}
			if _, err := m.patiently(ctx, conn, &m.steps[i], down); err != nil {
				return err
			}
		}
		if done == 0 {
			m.progress("nothing to do: no migration is applied")
		}
		return nil
	})
}

// Status returns every migration in order, those of a newer thumbedge last.
func (m *Migrator) Status(ctx context.Context) (states []State, err error) {
	err = m.connected(ctx, func(conn *pgx.Conn) error {
		states, err = m.states(ctx, conn)
		return err
	})
	return states, err
}

func (m *Migrator) states(ctx context.Context, conn *pgx.Conn) ([]State, error) {
	states := make([]State, len(m.steps))
	for i, s := range m.steps {
		states[i] = State{Number: s.number, Name: s.name}
	}
	rows, _ := conn.Query(ctx, `SELECT number, name, applied_at FROM thumbedge.migration ORDER BY number`)
	var applied State
	_, err := pgx.ForEachRow(rows, []any{&applied.Number, &applied.Name, &applied.Applied}, func() error {
		i := slices.IndexFunc(states, func(s State) bool { return s.Number == applied.Number })
		if i < 0 {
			applied.Unknown = true
			states = append(states, applied)
			return nil
		}
		states[i].Applied = applied.Applied
		return nil
	})
	if err != nil && !hasCode(err, "42P01", "3F000") { // no such table, no such schema
		return nil, fmt.Errorf("reading which migrations are applied: %w", err)
	}
	return states, nil
}

func (m *Migrator) connected(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, m.conn.Copy())
	if err != nil {
		return fmt.Errorf("connecting to the database: %w", err)
	}
	// What do returned says it all; the connection has nothing to add.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return do(conn)
}

func hasCode(err error, codes ...string) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && slices.Contains(codes, refusal.Code)
}
