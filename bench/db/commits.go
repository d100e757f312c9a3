package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/internal/postgresd"
)

// writers is how many connections commit at once.
const writers = 16

// commitStatements change one row in a transaction of its own; $1 is its id.
var commitStatements = []struct{ what, sql string }{
	{"a capture's last_modified, which pages depend on", `UPDATE main_sourceimage SET last_modified = last_modified + interval '1 s' WHERE id = $1`},
	{"a capture's checksum, which no page depends on", `UPDATE main_sourceimage SET checksum = checksum || 'x' WHERE id = $1`},
}

// measureCommits counts commits a second of many writers, with and without triggers.
// PostgreSQL has a transaction that notifies hold one lock of the whole cluster from
// before its commit is flushed until after: such commits come one after another, and
// share no flush. So the disk matters, and a server that flushes is measured too.
func measureCommits(ctx context.Context, out io.Writer, rounds int) error {
	fmt.Fprintf(out, "### Commits\n\n%d writers, one row a transaction, each writer rows of its own: commits a second, median of %d rounds in turn.\n\n", writers, rounds)
	fmt.Fprintln(out, "| what | flush | without triggers | with | ratio |\n|---|---|---:|---:|---:|")
	for _, flush := range []string{"off", "on"} {
		if err := commitsOnServer(ctx, out, flush, rounds); err != nil {
			return fmt.Errorf("measuring commits with fsync=%s: %w", flush, err)
		}
	}
	fmt.Fprintln(out)
	return nil
}

// commitsOnServer measures on a server of its own.
func commitsOnServer(ctx context.Context, out io.Writer, fsync string, rounds int) error {
	dir, err := os.MkdirTemp("", "te-bench-")
	if err != nil {
		return fmt.Errorf("making a folder for the server: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: dir, Settings: []string{"fsync=" + fsync, "shared_buffers=256MB", "autovacuum=off"}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	url, err := server.CreateDatabase(ctx, "commits")
	if err != nil {
		return err
	}
	return inDatabase(ctx, out, url, sizes{}, func(ctx context.Context, out io.Writer, conn *pgx.Conn, url string, _ sizes) error {
		if err := fill(ctx, conn, 1000*writers, writers); err != nil {
			return err
		}
		for _, s := range commitStatements {
			with, without, err := commitRates(ctx, url, s.sql, rounds)
			if err != nil {
				return fmt.Errorf("%s: %w", s.what, err)
			}
			fmt.Fprintf(out, "| %s | %s | %.0f | %.0f | %.2f |\n", s.what, fsync, without, with, with/without)
		}
		return nil
	})
}

// commitRates returns the medians with triggers and without, measured in turn.
func commitRates(ctx context.Context, url, sql string, rounds int) (with, without float64, err error) {
	m, err := migrator(url)
	if err != nil {
		return 0, 0, err
	}
	rates := map[bool][]float64{}
	for round := range rounds {
		for _, installed := range []bool{round%2 == 1, round%2 == 0} { // neither is always the first
			change := m.Up
			if !installed {
				change = func(ctx context.Context) error { return m.Down(ctx, 0) }
			}
			if err := change(ctx); err != nil {
				return 0, 0, err
			}
			rate, err := commitRate(ctx, url, sql, 2*time.Second)
			if err != nil {
				return 0, 0, err
			}
			rates[installed] = append(rates[installed], rate)
		}
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	return median(rates[true]), median(rates[false]), nil
}

// commitRate has the writers commit for so long, and returns how many they did a second.
// Each has its connection before, and has prepared what it does once in a session.
func commitRate(ctx context.Context, url, sql string, long time.Duration) (float64, error) {
	counts := make([]int, writers)
	var conns [writers]*pgx.Conn
	for w := range conns {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return 0, fmt.Errorf("connecting a writer: %w", err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, sql, 1+w*1000); err != nil {
			return 0, fmt.Errorf("writing: %w", err)
		}
		conns[w] = conn
	}
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for w, conn := range conns {
		group.Go(func() error {
			for n := 0; time.Since(start) < long; n++ {
				if _, err := conn.Exec(ctx, sql, 1+w*1000+n%1000); err != nil {
					return fmt.Errorf("writing: %w", err)
				}
				counts[w]++
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(start).Seconds(), nil
}
