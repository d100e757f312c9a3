package site_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

const keys = thumb.Keys("thumbnails/")

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
