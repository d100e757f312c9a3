// Command reconcile measures thumbedge reconcile, and prints Markdown: how long a dry
// run takes over many rows and files, and the memory of its process. One row in a
// thousand has lost its file, and one file in a thousand its row.
//
//	go run ./bench/reconcile                   1,000,000 rows, as many files on disk
//	go run ./bench/reconcile -s3 -rows 30000   the same on versitygw (make tools)
//
// The rate limit is off. It makes a PostgreSQL and a storage of its own, below
// -dir, and removes them afterwards.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// labels of each capture; there are as many rows as captures times labels.
var labels = [...]string{"small", "medium", "large"}

func main() {
	rows := flag.Int("rows", 1_000_000, "thumbnail rows, and about as many files")
	onS3 := flag.Bool("s3", false, "on versitygw instead of the file system")
	dir := flag.String("dir", os.TempDir(), "where the database and the files are made")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *rows, *onS3, *dir)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/reconcile:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, rows int, onS3 bool, parent string) error {
	dir, err := os.MkdirTemp(parent, "te-bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: filepath.Join(dir, "pg"), Settings: []string{"fsync=off", "max_wal_size=8GB"}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	url := server.URL("postgres")
	if err := fill(ctx, url, rows); err != nil {
		return err
	}
	storage, err := makeStorage(dir, onS3)
	if err != nil {
		return err
	}
	defer storage.end()
	if err := makeFiles(storage.root, rows); err != nil {
		return err
	}
	config := filepath.Join(dir, "thumbedge.toml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf("[upstream]\nurl = \"http://127.0.0.1:1\"\n[database]\nurl = %q\n[reconcile]\nrate = 1000000\n", url)+storage.toml+specs()), 0o600); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return measure(ctx, out, dir, config, storage)
}

func specs() (toml string) {
	for i, label := range labels {
		toml += fmt.Sprintf("[[thumbnails]]\nlabel = %q\nwidth = %d\n", label, 240<<(2*i))
	}
	return toml
}

// key is where the file of a row lies; capture and label follow from the row's number.
const key = `format('thumbnails/capture_%s/%s_%s.jpg', 1 + g / 3, (ARRAY['small', 'medium', 'large'])[1 + g % 3], lpad(to_hex(g), 16, '0'))`

func fill(ctx context.Context, url string, rows int) error {
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
		INSERT INTO main_sourceimage (id, path) SELECT g, 'o.jpg' FROM generate_series(1, %[1]d / 3 + 1) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			SELECT now(), now(), %[2]s, (ARRAY['small', 'medium', 'large'])[1 + g %% 3], 240 << (2 * (g %% 3)), 100, 0, 1 + g / 3
			FROM generate_series(0, %[1]d - 1) g;
		SET session_replication_role = DEFAULT;
		ANALYZE`, rows, key))
	if err != nil {
		return fmt.Errorf("filling the tables: %w", err)
	}
	return nil
}

// makeFiles makes the rows' files, each as old as two days.
func makeFiles(root string, rows int) error {
	old := time.Now().Add(-48 * time.Hour)
	for g := range rows {
		folder := filepath.Join(root, fmt.Sprintf("thumbnails/capture_%d", 1+g/len(labels)))
		digits := g
		switch g % 1000 {
		case 1: // this row's file is gone
			continue
		case 2: // this file has no row, nor the row its file
			digits = g + rows
		}
		if g%len(labels) == 0 || g%1000 <= 2 {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return fmt.Errorf("making files: %w", err)
			}
		}
		path := filepath.Join(folder, fmt.Sprintf("%s_%016x.jpg", labels[g%len(labels)], digits))
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return fmt.Errorf("making files: %w", err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			return fmt.Errorf("making files old: %w", err)
		}
	}
	return nil
}
