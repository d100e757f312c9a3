// Command db measures what thumbedge costs the database, and prints Markdown: the
// triggers, in microseconds a row of a bulk update with and without them, the page
// query on a large table, with its plan, and what many writers commit a second.
//
//	go run ./bench/db                                        a minute
//	go run ./bench/db -captures 5000000 -rows 10000000       the size that the figures are for
//
// It starts a PostgreSQL of its own, with that server's default memory settings
// but for shared_buffers, and removes it afterwards.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

func main() {
	captures := flag.Int("captures", 200_000, "captures in the large table")
	rows := flag.Int("rows", 400_000, "thumbnail rows of them")
	bulk := flag.Int("bulk", 100_000, "rows of a bulk update")
	rounds := flag.Int("rounds", 7, "bulk updates of each kind; the median counts")
	only := flag.String("only", "", "measure this part alone: triggers, pages or commits")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *only, sizes{*captures, *rows, *bulk, *rounds})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/db:", err)
		os.Exit(1)
	}
}

type sizes struct{ captures, rows, bulk, rounds int }

func run(ctx context.Context, out io.Writer, only string, n sizes) error {
	if only == "commits" {
		return measureCommits(ctx, out, n.rounds)
	}
	dir, err := os.MkdirTemp("", "te-bench-")
	if err != nil {
		return fmt.Errorf("making a folder for the server: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: dir, Settings: []string{
		"fsync=off", "shared_buffers=1GB", "max_wal_size=8GB", "autovacuum=off",
	}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	for _, part := range []struct {
		name    string
		measure func(context.Context, io.Writer, *pgx.Conn, string, sizes) error
	}{{"triggers", measureTriggers}, {"pages", measurePages}} {
		if only != "" && only != part.name {
			continue
		}
		url, err := server.CreateDatabase(ctx, part.name)
		if err != nil {
			return err
		}
		if err := inDatabase(ctx, out, url, n, part.measure); err != nil {
			return fmt.Errorf("measuring the %s: %w", part.name, err)
		}
	}
	if only != "" {
		return nil
	}
	return measureCommits(ctx, out, n.rounds)
}

func inDatabase(ctx context.Context, out io.Writer, url string, n sizes, measure func(context.Context, io.Writer, *pgx.Conn, string, sizes) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sampleapp.Schema+sampleapp.Defaults); err != nil {
		return fmt.Errorf("making the app's tables: %w", err)
	}
	return measure(ctx, out, conn, url, n)
}

func migrator(url string) (*migrations.Migrator, error) {
	return migrations.New(url, migrations.Names(postgres.Antenna), nil)
}

// fill makes captures of one public project, and rows of them: the first label for
// all, then the second, as far as there are rows. Foreign keys are not looked at.
func fill(ctx context.Context, conn *pgx.Conn, captures, rows int) error {
	_, err := conn.Exec(ctx, fmt.Sprintf(`
		SET session_replication_role = replica;
		INSERT INTO main_project (id, name, draft) SELECT g, 'project ' || g, g %% 10 = 0 FROM generate_series(1, 50) g;
		INSERT INTO main_sourceimage (path, public_base_url, timestamp, width, height, size, last_modified, checksum, deployment_id, event_id, project_id)
			SELECT format('site-%%s/2026/06/%%s-snapshot.jpg', g %% 50, g), 'https://object-store.example.org/moths/', now(), 4096, 2160, 1400000,
				timestamptz '2026-06-01' + g * interval '1 s', md5(g::text), g %% 50, g / 500, 1 + g / 5000 %% 50
			FROM generate_series(1, %d) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
			SELECT now(), now(), format('thumbnails/capture_%%s/%%s_%%s.jpg', c, l, left(md5(g::text), 16)), l, 240, 127, 9000, timestamptz '2026-07-01' + g * interval '1 s', c
			FROM generate_series(0, %d - 1) g, LATERAL (SELECT 1 + g %% %d AS c, (ARRAY['small', 'medium', 'large'])[1 + g / %d] AS l) x;
		SET session_replication_role = DEFAULT;`, captures, rows, captures, captures))
	if err != nil {
		return fmt.Errorf("filling the tables: %w", err)
	}
	_, err = conn.Exec(ctx, `VACUUM ANALYZE`)
	return err
}

// cpu returns the CPU time that the server has spent on a connection, which other
// programs on the machine hardly change.
func cpu(ctx context.Context, conn interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) (time.Duration, error) {
	var pid int
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return 0, fmt.Errorf("asking for the server's process: %w", err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the server's CPU time: %w", err)
	}
	var spent time.Duration
	_, err = fmt.Sscan(string(text), &spent)
	return spent, err
}
