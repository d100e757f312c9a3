package site_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// storage is what a test needs of either driver.
type storage interface {
	site.Storage
	imaging.Storage
}

func onDisk(t *testing.T) storage {
	t.Helper()
	s, err := filesystem.New(filesystem.Config{Root: t.TempDir(), URLPath: "/media/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func onS3(t *testing.T) storage {
	t.Helper()
	return inBucket(t, testenv.S3(t), "uploads/")
}

func inBucket(t *testing.T, bucket testenv.Bucket, location string) storage {
	t.Helper()
	cfg := s3.Defaults()
	cfg.Bucket, cfg.Region, cfg.Endpoint, cfg.PathStyle = bucket.Name, bucket.Region, bucket.Endpoint, true
	cfg.AccessKey, cfg.SecretKey, cfg.Location = bucket.AccessKey, bucket.SecretKey, location
	s, err := s3.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// database is one with the app's tables and schema thumbedge.
type database struct {
	*postgres.Store
	t    *testing.T
	pool *pgxpool.Pool
	url  string
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	url := testenv.Database(t)
	m, err := migrations.New(url, migrations.Names(postgres.Antenna), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return open(t, url)
}

func open(t *testing.T, url string) *database { return openWith(t, url, func(*postgres.Config) {}) }

func openWith(t *testing.T, url string, set func(*postgres.Config)) *database {
	t.Helper()
	cfg := postgres.Defaults()
	cfg.URL = url
	set(&cfg)
	pool, err := postgres.Open(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store, err := postgres.New(cfg, pool, slog.New(slog.DiscardHandler), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	return &database{store, t, pool, url}
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.pool.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// rows inserts the rows of captures 1 to n, and stores their files.
func (d *database) rows(s storage, n int) {
	d.t.Helper()
	d.exec(`INSERT INTO main_sourceimage (id, path) SELECT g, 'o.jpg' FROM generate_series(1, $1::int) g`, n)
	d.exec(`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		SELECT now(), now(), 'thumbnails/capture_' || g || '/small.jpg', 'small', 240, 1, 4, g FROM generate_series(1, $1::int) g`, n)
	for i := range n {
		if s != nil {
			put(d.t, s, i+1, "jpeg")
		}
	}
}

func put(t *testing.T, s storage, capture int, text string) {
	t.Helper()
	if err := s.Put(t.Context(), fmt.Sprintf("thumbnails/capture_%d/small.jpg", capture), []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// adopt pairs two, which must work.
func adopt(t *testing.T, d *database, s storage) {
	t.Helper()
	if err := site.Adopt(t.Context(), d, s, keys, 0); err != nil {
		t.Fatal(err)
	}
	if err := site.Check(t.Context(), d, s, keys); err != nil {
		t.Fatalf("a pair that was just made: %v", err)
	}
}

// expect checks the two and wants an error of a kind that says something.
func expect(t *testing.T, d *database, s storage, kind error, says string) {
	t.Helper()
	if err := site.Check(t.Context(), d, s, keys); !errors.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Errorf("it says %v, want %v and %q", err, kind, says)
	}
}

// emptyDatabase makes one in the cluster of another.
func emptyDatabase(t *testing.T, beside string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), beside)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	name := "restored_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(beside)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func remove(t *testing.T, s storage, capture int) {
	t.Helper()
	if err := s.Delete(t.Context(), fmt.Sprintf("thumbnails/capture_%d/small.jpg", capture)); err != nil {
		t.Fatal(err)
	}
}
