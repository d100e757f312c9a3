package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// lastSQL is the query that the Store sent last, for EXPLAIN.
type lastSQL struct{ text string }

func (l *lastSQL) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	l.text = data.SQL
	return ctx
}

func (l *lastSQL) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// measurePages times Store.Captures on the large table.
func measurePages(ctx context.Context, out io.Writer, conn *pgx.Conn, url string, n sizes) error {
	start := time.Now()
	if err := fill(ctx, conn, n.captures, n.rows); err != nil {
		return err
	}
	var size string
	if err := conn.QueryRow(ctx, `SELECT pg_size_pretty(pg_database_size(current_database()))`).Scan(&size); err != nil {
		return err
	}
	cfg := postgres.Defaults()
	cfg.URL = url
	cfg.MaxConns = 1
	sent := new(lastSQL)
	pool, err := postgres.Open(cfg, sent)
	if err != nil {
		return err
	}
	defer pool.Close()
	store, err := postgres.New(cfg, pool, slog.New(slog.DiscardHandler), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "### The page query\n\n%d captures, %d rows, %s; made in %v. One client; the times are the client's, scanning included.\n\n", n.captures, n.rows, size, time.Since(start).Round(time.Second))
	fmt.Fprintln(out, "| ids | which | p50, ms | p99, ms | CPU of the server, ms |\n|---:|---|---:|---:|---:|")
	for _, count := range []int{1, 40, 500} {
		for _, which := range []struct {
			name string
			ids  func() []thumb.ID
		}{
			{"of one session, in order", func() []thumb.ID { return session(n.captures, count) }},
			{"anywhere", func() []thumb.ID { return anywhere(n.captures, count) }},
		} {
			times, spent, err := queries(ctx, store, pool, which.ids)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "| %d | %s | %.2f | %.2f | %.2f |\n", count, which.name, quantile(times, 0.5), quantile(times, 0.99), ms(spent))
		}
	}
	if _, err := store.Captures(ctx, session(n.captures, 1)); err != nil {
		return err
	}
	for _, count := range []int{40, 500} {
		rows, _ := conn.Query(ctx, "EXPLAIN (ANALYZE, BUFFERS) "+sent.text, anywhere(n.captures, count))
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("explaining the query: %w", err)
		}
		fmt.Fprintf(out, "\nIts plan for %d ids anywhere:\n\n```\n%s\n```\n", count, longArray.ReplaceAllString(strings.Join(plan, "\n"), "'{…}'"))
	}
	return nil
}

// longArray is the list of ids as a plan repeats it.
var longArray = regexp.MustCompile(`'\{[0-9,]{40,}\}'`)

// session is a page of captures that were made one after another.
func session(captures, count int) []thumb.ID {
	first := 1 + rand.IntN(captures-count)
	ids := make([]thumb.ID, count)
	for i := range ids {
		ids[i] = thumb.ID(first + i)
	}
	return ids
}

func anywhere(captures, count int) []thumb.ID {
	ids := make([]thumb.ID, count)
	for i := range ids {
		ids[i] = thumb.ID(1 + rand.IntN(captures))
	}
	return ids
}

// queries times 500 of them, after as many that warm things up, and returns what
// one cost the server on average.
func queries(ctx context.Context, store *postgres.Store, pool *pgxpool.Pool, ids func() []thumb.ID) (times []time.Duration, spent time.Duration, err error) {
	const runs = 500
	var before time.Duration
	for i := range 2 * runs {
		if i == runs {
			if before, err = cpu(ctx, pool); err != nil {
				return nil, 0, err
			}
			times = nil
		}
		wanted := ids()
		start := time.Now()
		if _, err := store.Captures(ctx, wanted); err != nil {
			return nil, 0, err
		}
		times = append(times, time.Since(start))
	}
	after, err := cpu(ctx, pool)
	slices.Sort(times)
	return times, (after - before) / runs, err
}

func quantile(sorted []time.Duration, q float64) float64 {
	return ms(sorted[int(q*float64(len(sorted)-1))])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
