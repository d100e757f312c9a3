// Command memory measures what a running `thumbedge serve` takes for each capture that it
// holds, and prints Markdown: resident memory from /proc, a minute after the warm set was
// filled page by page, under a few warm pages a second and with no collection forced, less
// what the same process took with an empty warm set, and the processor time of that minute.
// Once as it is, and once with GOGC=100 in its environment, which leaves Go's garbage
// collector alone. Then what smaller warm sets take of cache.max_size, in which the same
// captures have pushed each other out for long, and still do.
//
//	go run ./bench/memory                       1,000,000 captures of three warm labels
//	go run ./bench/memory -captures 300000
//	go run ./bench/memory -full                 only the smaller warm sets
//	go run ./bench/memory -captures 0           only the response cache, full of bodies of one size
//
// It makes a PostgreSQL of its own and removes it afterwards.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

func main() {
	captures := flag.Int("captures", 1_000_000, "captures that are held")
	full := flag.Bool("full", false, "only the smaller warm sets, which are long full")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *captures, *full)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/memory:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, captures int, full bool) error {
	dir, err := os.MkdirTemp("", "te-bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: filepath.Join(dir, "pg"), Settings: []string{"fsync=off", "max_wal_size=8GB", "autovacuum=off"}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	url := server.URL("postgres")
	if err := fill(ctx, url, captures); err != nil {
		return err
	}
	binary := filepath.Join(dir, "thumbedge")
	if said, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/thumbedge").CombinedOutput(); err != nil {
		return fmt.Errorf("building thumbedge: %w: %s", err, said)
	}
	s := serve{dir: dir, binary: binary, database: url, captures: captures}
	s.maxSize = "512MiB"
	switch {
	case captures == 0:
		return fullOfResponses(ctx, out, s)
	case full:
		return longFull(ctx, out, s)
	}
	if err := largeEnough(ctx, out, s); err != nil {
		return err
	}
	return longFull(ctx, out, s)
}

// largeEnough prints what a capture takes where all of them fit.
func largeEnough(ctx context.Context, out io.Writer, s serve) error {
	fmt.Fprintf(out, "| %d captures × 3 labels, `cache.max_size` %s | empty | filled | after a minute | its CPU time | bytes a capture |\n|---|---|---|---|---|---|\n", s.captures, s.maxSize)
	for _, side := range []struct{ name, env string }{{"`GOGC=100`", "GOGC=100"}, {"as it is", ""}} {
		m, err := s.measure(ctx, side.env, 1)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", side.name, err)
		}
		if m.held < s.captures {
			return fmt.Errorf("only %d captures are held", m.held)
		}
		fmt.Fprintf(out, "| %s | %d MiB | %d MiB | %d MiB | %v | %d |\n", side.name, m.empty>>20, m.filled>>20, m.later>>20, m.cpu, (m.later-m.empty)/int64(s.captures))
	}
	return nil
}

// longFull prints what a warm set takes of its size where the captures have pushed each
// other out for long, and still do.
func longFull(ctx context.Context, out io.Writer, s serve) error {
	fmt.Fprintf(out, "\n| %d captures in turn, three times over, and still | empty | filled | after a minute | its CPU time | held | of `cache.max_size` |\n|---|---|---|---|---|---|---|\n", s.captures)
	for _, mib := range []int64{64, 128} {
		s.maxSize = fmt.Sprintf("%dMiB", mib)
		m, err := s.measure(ctx, "", 3)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", s.maxSize, err)
		}
		fmt.Fprintf(out, "| `cache.max_size` %s | %d MiB | %d MiB | %d MiB | %v | %d | %.2f × |\n", s.maxSize, m.empty>>20, m.filled>>20, m.later>>20, m.cpu, m.held, float64(m.later-m.empty)/float64(mib<<20))
	}
	return nil
}

func fill(ctx context.Context, url string, captures int) error {
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

// fullOfResponses prints what a full response cache takes beside responses.max_size.
func fullOfResponses(ctx context.Context, out io.Writer, s serve) error {
	fmt.Fprintf(out, "| `responses.max_size` %s, full of bodies of | answers held | taken | of max_size |\n|---|--:|--:|--:|\n", responsesSize)
	for _, body := range []int{10, 2 << 10, 68 << 10, 900 << 10} {
		taken, held, err := s.measureResponses(ctx, body)
		if err != nil {
			return fmt.Errorf("measuring responses of %d bytes: %w", body, err)
		}
		fmt.Fprintf(out, "| %d bytes | %s | %d MiB | %.0f %% |\n", body, held, taken>>20, float64(taken)*100/(responsesMiB<<20))
	}
	return nil
}
