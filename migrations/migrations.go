// Package migrations makes and removes what thumbedge has of its own in the app's
// database: schema thumbedge (leases, files to delete, what reconcile remembers),
// the triggers that notify the proxies of changes, and, where the app has none,
// the table of thumbnail rows.
//
// The steps are numbered SQL files, embedded, each with its way down. A step is
// one transaction and locks one table of the app's at most. It waits three seconds
// for that lock, no longer: whoever wants the table meanwhile queues behind the
// waiting step. Then it lets go, says who holds the lock, and tries again.
//
// Only `thumbedge migrate` runs them; serve never does.
package migrations

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// New makes a Migrator for the database at url, through a pooler or not. Progress
// is told, in a line each, what happens; nil is allowed.
func New(url string, names Names, progress func(string)) (*Migrator, error) {
	conn, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("reading the database's URL: %w", err)
	}
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares nothing, for poolers
	conn.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	steps, err := readSteps(names)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	return &Migrator{
		conn: conn, steps: steps, progress: progress,
		lockTimeout: 3 * time.Second, attempts: 20, pause: time.Second,
	}, nil
}

// Up applies every migration that is not applied yet, in their order.
func (m *Migrator) Up(ctx context.Context) error {
	return m.connected(ctx, func(conn *pgx.Conn) error {
		for i := range m.steps {
			if err := m.patiently(ctx, conn, &m.steps[i], up); err != nil {
				return err
			}
		}
		return nil
	})
}

// Down takes back the last applied migrations: as many as steps says, all of them
// where it is 0 or less.
func (m *Migrator) Down(ctx context.Context, steps int) error {
	return m.connected(ctx, func(conn *pgx.Conn) error {
		states, err := m.states(ctx, conn)
		if err != nil {
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
			if err := m.patiently(ctx, conn, &m.steps[i], down); err != nil {
				return err
			}
		}
		return nil
	})
}

// Status returns every migration in order.
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
	rows, _ := conn.Query(ctx, `SELECT number, applied_at FROM thumbedge.migration`)
	var number int
	var applied time.Time
	_, err := pgx.ForEachRow(rows, []any{&number, &applied}, func() error {
		for i := range states {
			if states[i].Number == number {
				states[i].Applied = applied
			}
		}
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

// step is one migration with the app's names in place.
type step struct {
	number   int
	name     string
	table    string // of the app's, that it locks; quoted; "": none
	up, down string
}

//go:embed sql/*.sql
var files embed.FS

// tablePrefix begins the first line of every file: which table the step locks.
const tablePrefix = "-- table:"

func readSteps(names Names) ([]step, error) {
	quoted, err := names.quoted()
	if err != nil {
		return nil, err
	}
	var pairs []string
	for name, table := range quoted {
		// As a string, where it stands in quotes, and as an identifier elsewhere.
		pairs = append(pairs, "'{"+name+"}'", "'"+strings.ReplaceAll(table, "'", "''")+"'", "{"+name+"}", table)
	}
	place := strings.NewReplacer(pairs...)

	entries, err := files.ReadDir("sql")
	if err != nil {
		return nil, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	var steps []step
	for _, entry := range entries {
		name, isUp := strings.CutSuffix(entry.Name(), ".up.sql")
		if !isUp {
			continue
		}
		number, err := strconv.Atoi(name[:4])
		if err != nil {
			return nil, fmt.Errorf("reading the number of migration %s: %w", name, err)
		}
		upSQL, err := files.ReadFile("sql/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading migration %s: %w", name, err)
		}
		downSQL, err := files.ReadFile("sql/" + name + ".down.sql")
		if err != nil {
			return nil, fmt.Errorf("reading the way down of migration %s: %w", name, err)
		}
		head, _, _ := strings.Cut(string(upSQL), "\n")
		steps = append(steps, step{
			number: number, name: name[5:],
			table: quoted[strings.TrimSpace(strings.TrimPrefix(head, tablePrefix))],
			up:    place.Replace(string(upSQL)), down: place.Replace(string(downSQL)),
		})
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.number, b.number) })
	return steps, nil
}

// quoted returns the names as SQL identifiers, by what they name.
func (n Names) quoted() (map[string]string, error) {
	quoted := map[string]string{
		"capture": n.Capture, "project": n.Project, "deployment": n.Deployment,
		"data_source": n.DataSource, "thumbnail": n.Thumbnail,
	}
	var errs []error
	for name, table := range quoted {
		parts := strings.Split(table, ".")
		if len(parts) > 2 || slices.Contains(parts, "") {
			errs = append(errs, fmt.Errorf("database.tables.%s: %q must be a table's name, after its schema's and a dot where it needs one", name, table))
		}
		quoted[name] = pgx.Identifier(parts).Sanitize()
	}
	return quoted, errors.Join(errs...)
}

func hasCode(err error, codes ...string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && slices.Contains(codes, answer.Code)
}
