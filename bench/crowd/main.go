// Command crowd measures what other visitors notice of one client that asks for the worst
// page without pause: 60,000 captures of nothing but thumbnails, all warm, 11.6 MiB of the
// 16 MiB that rewrite.max_body lets be rewritten.
// Beside it, in turn: nobody, and the same bytes from a path that is not rewritten, which
// is what the app, the sockets and the client itself cost on this machine. It prints
// Markdown.
//
//	go run ./bench/crowd
//
// The app, thumbedge and PostgreSQL are processes of their own. What others notice while
// renders take the CPU is measured by bench/cold.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// captures are how many the worst page has: 180,000 route URLs.
const captures = 60_000

func main() {
	rounds := flag.Int("rounds", 7, "windows of each kind, in turn")
	window := flag.Duration("window", 3*time.Second, "length of each")
	greedy := flag.Int("greedy", 1, "connections of the client that asks for the worst page")
	var p part
	flag.StringVar(&p.name, "part", "", "run as one of the parts (internal)")
	flag.StringVar(&p.database, "database", "", "(internal)")
	flag.StringVar(&p.app, "app", "", "(internal)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if p.name != "" {
		err = p.run(ctx)
	} else {
		err = measure(ctx, *rounds, *greedy, *window)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/crowd:", err)
		os.Exit(1)
	}
}

// kinds are what the greedy client asks for meanwhile.
var kinds = []struct{ name, target string }{
	{"nobody else", ""},
	{"the same bytes, not rewritten", "/elsewhere/largest"},
	{"the worst page", "/api/v2/captures/?largest"},
}

func measure(ctx context.Context, rounds, greedy int, window time.Duration) error {
	dir, err := os.MkdirTemp("", "te-crowd-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: filepath.Join(dir, "pg"), Settings: []string{"fsync=off"}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	if err := fill(ctx, server.URL("postgres")); err != nil {
		return err
	}
	app, endApp, err := part{name: "app"}.start(ctx)
	if err != nil {
		return err
	}
	defer endApp()
	edge, endEdge, err := part{name: "thumbedge", database: server.URL("postgres"), app: app}.start(ctx)
	if err != nil {
		return err
	}
	defer endEdge()
	c := client{base: edge}
	if err := c.warmUp(ctx); err != nil {
		return err
	}
	waits := make([][]time.Duration, len(kinds))
	pages := make([]int, len(kinds))
	each := make([][]float64, len(kinds)) // p99 against the same round's idle
	for range rounds {
		var idle time.Duration
		for i, kind := range kinds {
			took, asked, err := c.window(ctx, kind.target, greedy, window)
			if err != nil {
				return err
			}
			waits[i], pages[i] = append(waits[i], took...), pages[i]+asked
			slices.Sort(took)
			if i == 0 {
				idle = at(took, 0.99)
			}
			each[i] = append(each[i], float64(at(took, 0.99))/float64(idle))
		}
	}
	fmt.Printf("Pages of 40 captures every %v, %d windows of %v of each kind in turn; the worst page has %d captures.\n\n", pace, rounds, window, captures)
	fmt.Println("| meanwhile another client asks for | its pages | median | p99 | p99 / idle p99 (all; lowest and highest round) | to reach |\n|---|---:|---:|---:|---|---|")
	for _, w := range waits {
		slices.Sort(w)
	}
	for i, kind := range kinds {
		fmt.Printf("| %s | %d | %v | %v | %.1f (%.1f–%.1f) | %s |\n", kind.name, pages[i],
			at(waits[i], 0.5).Round(10*time.Microsecond), at(waits[i], 0.99).Round(10*time.Microsecond),
			float64(at(waits[i], 0.99))/float64(at(waits[0], 0.99)), slices.Min(each[i]), slices.Max(each[i]), []string{"", "", "≤ 2"}[i])
	}
	return nil
}

func at(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(share*float64(len(sorted)-1))]
}

func fill(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sampleapp.Schema+sampleapp.Defaults); err != nil {
		return fmt.Errorf("making the app's tables: %w", err)
	}
	m, err := migrations.New(url, migrations.Names(postgres.Antenna), nil)
	if err != nil {
		return err
	}
	if err := m.Up(ctx); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`
		SET session_replication_role = replica;
		INSERT INTO main_project (id, name, draft) VALUES (1, 'public', false);
		INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'o.jpg', 1 FROM generate_series(1, %d) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			SELECT now(), now(), format('thumbnails/capture_%%s/%%s_%%s.jpg', g, label, lpad(to_hex(g), 16, '0')), label, width, 100, 0, g
			FROM generate_series(1, %[1]d) g, (VALUES ('small', 240), ('medium', 1024), ('large', 2560)) AS spec (label, width);
		SET session_replication_role = DEFAULT;
		ANALYZE`, captures))
	if err != nil {
		return fmt.Errorf("filling the tables: %w", err)
	}
	return nil
}
