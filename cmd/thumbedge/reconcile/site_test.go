package reconcile_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// site is a database with the app's tables and the proxy's schema, and a storage.
type site struct {
	*testing.T
	pool    *pgxpool.Pool
	store   *postgres.Store
	storage imaging.Storage
	root    string // of the file system's storage
	cfg     reconcile.Config
}

// newSite makes a site on the file system, where a file's age can be set.
func newSite(t *testing.T) *site {
	t.Helper()
	root := t.TempDir()
	storage, err := filesystem.New(filesystem.Config{Root: root, URLPath: "/media/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { storage.Close() })
	s := newDatabase(t)
	s.storage, s.root = storage, root
	return s
}

// newSiteOnS3 makes a site on a real S3 server.
func newSiteOnS3(t *testing.T) *site {
	t.Helper()
	bucket := testenv.S3(t)
	cfg := s3.Defaults()
	cfg.Bucket, cfg.Region, cfg.Endpoint, cfg.PathStyle = bucket.Name, bucket.Region, bucket.Endpoint, true
	cfg.AccessKey, cfg.SecretKey, cfg.Location = bucket.AccessKey, bucket.SecretKey, "uploads/"
	storage, err := s3.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { storage.Close() })
	s := newDatabase(t)
	s.storage = storage
	return s
}

func newDatabase(t *testing.T) *site {
	t.Helper()
	cfg := postgres.Defaults()
	cfg.URL = testenv.Database(t)
	m, err := migrations.New(cfg.URL, migrations.Names(cfg.Tables), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	dial, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	dial.MaxConns = int32(cfg.MaxConns)
	pool, err := pgxpool.NewWithConfig(context.Background(), dial) // serve's own gives connecting two seconds
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store, err := postgres.New(cfg, pool, slog.New(slog.DiscardHandler), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	return &site{T: t, pool: pool, store: store, cfg: reconcile.Config{
		Specs: thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}},
		Keys:  "thumbnails/", Rate: 1_000_000, Grace: 24 * time.Hour,
	}}
}

func (s *site) exec(sql string, args ...any) {
	s.Helper()
	if _, err := s.pool.Exec(context.Background(), sql, args...); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// row adds a capture, where it is not there, and a thumbnail row of it.
func (s *site) row(capture int64, label, path string, width int) {
	s.Helper()
	s.exec(`INSERT INTO main_sourceimage (id, path, last_modified) VALUES ($1, 'original.jpg', '2026-06-12T00:00:00Z') ON CONFLICT DO NOTHING`, capture)
	s.exec(`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
		VALUES (now(), now(), $1, $2, $3, 10, 10, '2026-06-12T00:00:00Z', $4)`, path, label, width, capture)
}

// files stores files as of now.
func (s *site) files(keys ...string) {
	s.Helper()
	for _, key := range keys {
		if err := s.storage.Put(s.Context(), key, []byte("jpeg")); err != nil {
			s.Fatal(err)
		}
	}
}

// oldFiles stores files two days ago.
func (s *site) oldFiles(keys ...string) {
	s.Helper()
	s.files(keys...)
	s.age(keys...)
}

// age makes files two days old.
func (s *site) age(keys ...string) {
	s.Helper()
	then := time.Now().Add(-48 * time.Hour)
	for _, key := range keys {
		if err := os.Chtimes(filepath.Join(s.root, key), then, then); err != nil {
			s.Fatal(err)
		}
	}
}

// stored returns the keys of every file.
func (s *site) stored() (keys []string) {
	s.Helper()
	if err := s.storage.List(context.Background(), "", "", func(f imaging.File) error {
		keys = append(keys, f.Key)
		return nil
	}); err != nil {
		s.Fatal(err)
	}
	return keys
}

// paths returns what every row names, in the order of the rows.
func (s *site) paths() (paths []string) {
	s.Helper()
	err := s.pool.QueryRow(context.Background(), `SELECT coalesce(array_agg(path ORDER BY id), '{}') FROM main_sourceimagethumbnail`).Scan(&paths)
	if err != nil {
		s.Fatal(err)
	}
	return paths
}

// number asks the database for one.
func (s *site) number(sql string) (n int64) {
	s.Helper()
	if err := s.pool.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		s.Fatal(err)
	}
	return n
}

func silent(reconcile.Progress) {}

// run runs reconcile and returns the summary without its times.
func (s *site) run(cfg reconcile.Config) reconcile.Summary {
	s.Helper()
	summary, err := reconcile.Run(s.Context(), cfg, s.store, s.storage, silent)
	if err != nil {
		s.Fatal(err)
	}
	return timeless(s.T, summary)
}

func timeless(t *testing.T, summary reconcile.Summary) reconcile.Summary {
	t.Helper()
	if summary.Started.IsZero() || summary.Finished.Before(summary.Started) {
		t.Errorf("the run began %v and ended %v", summary.Started, summary.Finished)
	}
	summary.Started, summary.Finished = time.Time{}, time.Time{}
	return summary
}
