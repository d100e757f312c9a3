package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// bulkStatements are what the app does to many rows at once.
var bulkStatements = []struct{ what, sql string }{
	{"captures rewritten unchanged", `UPDATE main_sourceimage SET path = path, last_modified = last_modified, updated_at = now()`},
	{"captures' last_modified changed", `UPDATE main_sourceimage SET last_modified = last_modified + interval '1 s'`},
	{"thumbnail rows rewritten unchanged", `UPDATE main_sourceimagethumbnail SET path = path, updated_at = now()`},
	{"thumbnail rows' path changed", `UPDATE main_sourceimagethumbnail SET path = path || 'x'`},
}

// measureTriggers times bulk updates with and without triggers, in turn.
func measureTriggers(ctx context.Context, out io.Writer, conn *pgx.Conn, url string, n sizes) error {
	if err := fill(ctx, conn, n.bulk, n.bulk); err != nil {
		return err
	}
	m, err := migrator(url)
	if err != nil {
		return err
	}
	times := map[bool][][]time.Duration{false: make([][]time.Duration, len(bulkStatements)), true: make([][]time.Duration, len(bulkStatements))}
	for range n.rounds {
		for _, installed := range []bool{false, true} {
			change := m.Up
			if !installed {
				change = func(ctx context.Context) error { return m.Down(ctx, 0) }
			}
			if err := change(ctx); err != nil {
				return err
			}
			for i, s := range bulkStatements {
				took, err := bulkUpdate(ctx, conn, s.sql)
				if err != nil {
					return fmt.Errorf("%s: %w", s.what, err)
				}
				times[installed][i] = append(times[installed][i], took)
			}
		}
	}
	fmt.Fprintf(out, "### Triggers\n\nOne UPDATE of %d rows in one transaction, in turn with and without triggers, median of %d: CPU of the server.\n\n", n.bulk, n.rounds)
	fmt.Fprintln(out, "| what | without, µs a row | with | difference |\n|---|---:|---:|---:|")
	for i, s := range bulkStatements {
		perRow := func(installed bool) float64 {
			all := times[installed][i]
			slices.Sort(all)
			return float64(all[len(all)/2].Nanoseconds()) / 1000 / float64(n.bulk)
		}
		fmt.Fprintf(out, "| %s | %.2f | %.2f | %.2f |\n", s.what, perRow(false), perRow(true), perRow(true)-perRow(false))
	}
	fmt.Fprintln(out)
	return nil
}

// bulkUpdate runs a statement on tables without dead rows, and returns the CPU time
// that it took.
func bulkUpdate(ctx context.Context, conn *pgx.Conn, sql string) (time.Duration, error) {
	if _, err := conn.Exec(ctx, `VACUUM main_sourceimage, main_sourceimagethumbnail`); err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, `CHECKPOINT`); err != nil {
		return 0, err
	}
	before, err := cpu(ctx, conn)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		return 0, err
	}
	after, err := cpu(ctx, conn)
	return after - before, err
}
