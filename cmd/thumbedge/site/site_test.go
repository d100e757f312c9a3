package site_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

const keys = thumb.Keys("thumbnails/")

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

// TestPair: on both drivers, from nothing to a pair, which is then told from everything
// that is not one.
func TestPair(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) storage{"on disk": onDisk, "on S3": onS3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, s := newDatabase(t), make(t)
			d.rows(s, 3)
			expect(t, d, s, site.ErrNotPaired, "not been paired")
			adopt(t, d, s)

			other := newDatabase(t)
			expect(t, other, s, site.ErrOther, "the storage belongs to a site, and database "+other.pool.Config().ConnConfig.Database)
			expect(t, d, make(t), site.ErrOther, "this storage bears no identity")
			elsewhere := make(t)
			adopt(t, other, elsewhere)
			expect(t, d, elsewhere, site.ErrOther, "the storage belongs to another site")
			if err := site.Check(t.Context(), d, s, keys); err != nil {
				t.Errorf("the pair: %v", err)
			}

			// A new pair is a new identity: whoever has the old one is another's.
			before, err := d.Site(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			adopt(t, d, s)
			if after, err := d.Site(t.Context()); err != nil || after.Identity == before.Identity || len(after.Identity) < 20 {
				t.Errorf("adopted anew, the identity is %+v, %v", after, err)
			}
		})
	}
}

// TestIdentityIsNoThumbnail: it is not listed, not opened as a file that is served, and
// outlives the removal of leftovers; with a prefix that is no folder, too.
func TestIdentityIsNoThumbnail(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) storage{"on disk": onDisk, "on S3": onS3} {
		for _, prefix := range []string{"thumbnails/", "", "small_"} {
			t.Run(name+" below "+prefix, func(t *testing.T) {
				t.Parallel()
				s := make(t)
				for _, identity := range []string{"one", "two"} {
					if err := s.SetSite(t.Context(), prefix, identity); err != nil {
						t.Fatal(err)
					}
					if got, err := s.Site(t.Context(), prefix); err != nil || got != identity {
						t.Errorf("it bears %q, %v; want %q", got, err, identity)
					}
				}
				if err := s.List(t.Context(), "", "", func(f imaging.File) error { return fmt.Errorf("%s is listed", f.Key) }); err != nil {
					t.Error(err)
				}
				if err := s.Put(t.Context(), prefix+imaging.SiteFile, []byte("three")); err == nil {
					t.Error("a thumbnail can be stored in its place")
				}
				if files, ok := s.(*filesystem.Storage); ok {
					if _, err := files.OpenFile(prefix + imaging.SiteFile); !errors.Is(err, thumb.ErrFileMissing) {
						t.Errorf("it can be served: %v", err)
					}
					if err := files.Delete(t.Context(), prefix+imaging.SiteFile); err != nil {
						t.Error(err)
					}
					if n, err := files.RemoveLeftovers(t.Context(), prefix, time.Now().Add(time.Hour)); n != 0 || err != nil {
						t.Errorf("%d leftovers were removed, %v", n, err)
					}
				}
				if got, err := s.Site(t.Context(), prefix); err != nil || got != "two" {
					t.Errorf("in the end it bears %q, %v", got, err)
				}
			})
		}
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

// TestRestoredDumpIsNotTheOriginal: a production dump restored to staging, whose
// configuration still names the production bucket, in another cluster or under another
// name; staging may then adopt a storage of its own, and production never notices.
func TestRestoredDumpIsNotTheOriginal(t *testing.T) {
	t.Parallel()
	production, bucket := newDatabase(t), onDisk(t)
	production.rows(bucket, 3)
	adopt(t, production, bucket)
	for name, restored := range map[string]string{
		"in the same cluster": emptyDatabase(t, production.url),
		"in another cluster":  emptyDatabase(t, testenv.Postgres(t).TCPURL("postgres")),
	} {
		dump := exec.Command("pg_dump", "--no-owner", "--no-privileges", production.url)
		text, err := dump.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		load := exec.Command("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", restored)
		load.Stdin = strings.NewReader(string(text))
		if out, err := load.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		staging := open(t, restored)
		expect(t, staging, bucket, site.ErrOther, "a dump or a copy that was restored")
		copied := onDisk(t)
		for i := range 3 {
			put(t, copied, i+1, "jpeg")
		}
		identity, err := bucket.Site(t.Context(), string(keys))
		if err != nil {
			t.Fatal(err)
		}
		// A copy of the bucket bears the original's identity.
		if err := copied.SetSite(t.Context(), string(keys), identity); err != nil {
			t.Fatal(err)
		}
		expect(t, staging, copied, site.ErrOther, "a dump or a copy that was restored")
		adopt(t, staging, copied)
		expect(t, staging, bucket, site.ErrOther, "belongs to another site")
		if err := site.Check(t.Context(), production, bucket, keys); err != nil {
			t.Errorf("production: %v", err)
		}
	}
}

// TestSystemIdentifierThatMayNotBeRead counts for nothing, on either side.
func TestSystemIdentifierThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	cluster := testenv.Postgres(t)
	superuser := open(t, cluster.TCPURL("postgres"))
	superuser.exec(`CREATE ROLE app LOGIN; GRANT ALL ON SCHEMA public TO app; GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
		REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`)
	m, err := migrations.New(cluster.TCPURL("postgres"), migrations.Names(postgres.Antenna), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	superuser.exec(`GRANT USAGE ON SCHEMA thumbedge TO app; GRANT ALL ON ALL TABLES IN SCHEMA thumbedge TO app`)
	as, err := url.Parse(cluster.TCPURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	as.User = url.User("app")
	app := open(t, as.String())
	if place, err := app.Place(t.Context()); err != nil || place.System != "" || place.Name != "postgres" || place.Schema != "public" {
		t.Errorf("to the app's role the database is %+v, %v", place, err)
	}
	if place, err := superuser.Place(t.Context()); err != nil || place.System == "" {
		t.Errorf("to a superuser the database is %+v, %v", place, err)
	}
	s := onDisk(t)
	adopt(t, app, s)
	if err := site.Check(t.Context(), superuser, s, keys); err != nil {
		t.Errorf("as another role: %v", err)
	}
	adopt(t, superuser, s)
	if err := site.Check(t.Context(), app, s, keys); err != nil {
		t.Errorf("as another role: %v", err)
	}
}

// TestNoPairWithoutProof: the first run with a wrong pair must not make it one.
func TestNoPairWithoutProof(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fill  func(t *testing.T, d *database, s storage)
		says  string // "": it is a pair
		force int64  // that makes it one
	}{
		"nothing on either side": {func(*testing.T, *database, storage) {}, "", 0},
		"every file":             {func(_ *testing.T, d *database, s storage) { d.rows(s, 25) }, "", 0},
		"an old row without file": {func(t *testing.T, d *database, s storage) {
			d.rows(s, 25)
			remove(t, s, 1)
		}, "", 0},
		"an empty storage": {func(_ *testing.T, d *database, s storage) { d.rows(nil, 25) }, "of the newest 20 rows' files 20 are not in the storage", 25},
		"a new row without file": {func(t *testing.T, d *database, s storage) {
			d.rows(s, 25)
			remove(t, s, 25)
		}, "of the newest 20 rows' files 1 are not in the storage as the rows say, such as thumbnails/capture_25/small.jpg", 25},
		"another site's storage, where names are the same": {func(t *testing.T, d *database, s storage) {
			d.rows(nil, 25)
			for i := range 25 {
				put(t, s, i+1, "another picture")
			}
		}, "of the newest 20 rows' files 20 are not", 25},
		"another site's database": {func(t *testing.T, _ *database, s storage) { put(t, s, 1, "jpeg") }, "the storage holds thumbnails, and the database has no row", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, s := newDatabase(t), onDisk(t)
			c.fill(t, d, s)
			err := site.Adopt(t.Context(), d, s, keys, 0)
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			way := fmt.Sprintf("--adopt --force %d", c.force)
			if !errors.Is(err, site.ErrNotProved) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), way) {
				t.Errorf("it says %v, want %q and %q", err, c.says, way)
			}
			expect(t, d, s, site.ErrNotPaired, "")
			if err := site.Adopt(t.Context(), d, s, keys, c.force-1); !errors.Is(err, site.ErrNotProved) {
				t.Errorf("with too small a number it says %v", err)
			}
			if err := site.Adopt(t.Context(), d, s, keys, c.force); err != nil {
				t.Errorf("with the number it says %v", err)
			}
		})
	}
}

func remove(t *testing.T, s storage, capture int) {
	t.Helper()
	if err := s.Delete(t.Context(), fmt.Sprintf("thumbnails/capture_%d/small.jpg", capture)); err != nil {
		t.Fatal(err)
	}
}

// TestManyPairAtOnce: replicas that start together run migrate up at once. One makes the
// pair, with the smallest pool too, and what it says is what the others find.
func TestManyPairAtOnce(t *testing.T) {
	t.Parallel()
	d, s := newDatabase(t), onDisk(t)
	d.rows(s, 3)
	var made atomic.Int64
	together(8, func() {
		mine, err := site.Pair(t.Context(), d, s, keys)
		if err != nil {
			t.Error(err)
		}
		if mine {
			made.Add(1)
		}
		if err := site.Check(t.Context(), d, s, keys); err != nil {
			t.Errorf("behind it: %v", err)
		}
	})
	if n := made.Load(); n != 1 {
		t.Errorf("%d made a pair", n)
	}
}

// TestManyAdoptAtOnce ends with a pair, whoever was last.
func TestManyAdoptAtOnce(t *testing.T) {
	t.Parallel()
	url := newDatabase(t).url
	d, s := openWith(t, url, func(cfg *postgres.Config) { cfg.MaxConns = 1 }), onDisk(t)
	d.rows(s, 3)
	together(8, func() {
		if err := site.Adopt(t.Context(), d, s, keys, 0); err != nil {
			t.Error(err)
		}
	})
	if err := site.Check(t.Context(), d, s, keys); err != nil {
		t.Error(err)
	}
}

func together(n int, do func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(do)
	}
	all.Wait()
}

// TestStorageThatFails leaves the database without a word.
func TestStorageThatFails(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	bucket := testenv.S3(t)
	bucket.Name += "-gone"
	if err := site.Adopt(t.Context(), d, inBucket(t, bucket, ""), keys, 0); err == nil {
		t.Error("a bucket that is not there was adopted")
	}
	if got, err := d.Site(t.Context()); err != nil || got.Identity != "" {
		t.Errorf("the database says %+v, %v", got, err)
	}
}
