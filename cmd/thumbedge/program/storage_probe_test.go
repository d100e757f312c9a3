package program

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// rows are those that the database has.
type rows []postgres.NamedFile

func (r rows) Newest(context.Context, int) ([]postgres.NamedFile, error) { return r, nil }

// everything is a storage that says yes to whatever it is asked, as a maintenance page does.
type everything struct{}

func (everything) Exists(context.Context, string) (bool, error) { return true, nil }

// nothing is an empty storage of another site.
type nothing struct{}

func (nothing) Exists(context.Context, string) (bool, error) { return false, nil }

// A page that answers 200 is no storage, and a storage without the newest rows' files is
// another one than the app's.
func TestStorageThatMerelyAnswers(t *testing.T) {
	t.Parallel()
	newest := rows{{Path: "thumbnails/capture_7/small.jpg"}}
	for name, c := range map[string]struct {
		storage site.Existing
		rows    rows
		state   string
		effect  string
	}{
		"a page":                  {everything{}, nil, down, "it has a file that was never stored"},
		"another site's":          {nothing{}, newest, degraded, "of the newest 1 rows' files 1 are not there, such as thumbnails/capture_7/small.jpg, so that most warm images are 404s: is the storage the app's"},
		"empty, as there is none": {nothing{}, nil, ok, ""},
	} {
		probe := newStorageProbe(c.rows, c.storage, "thumbnails/", prometheus.NewRegistry())
		probe.ask(t.Context())
		if part := probe.state(); part.State != c.state || !strings.Contains(part.Effect, c.effect) {
			t.Errorf("%s: %+v", name, part)
		}
	}
}

// A file that a bucket does not have is no failure; a bucket that is not there is one.
func TestStorageProbe(t *testing.T) {
	t.Parallel()
	bucket := testenv.S3(t)
	probe := func(name string) *storageProbe {
		cfg := s3.Defaults()
		cfg.Bucket, cfg.Region, cfg.Endpoint, cfg.PathStyle = name, bucket.Region, bucket.Endpoint, true
		cfg.AccessKey, cfg.SecretKey = bucket.AccessKey, bucket.SecretKey
		storage, err := s3.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = storage.Close() })
		return newStorageProbe(rows{}, storage, "thumbnails/", prometheus.NewRegistry())
	}
	there, gone := probe(bucket.Name), probe(bucket.Name+"-gone")
	if part := there.state(); part.State != degraded {
		t.Errorf("before it was asked: %+v", part)
	}
	if there.ask(t.Context()); there.state().State != ok || testutil.ToFloat64(there.gauge()) != 1 {
		t.Errorf("there: %+v", there.state())
	}
	if gone.ask(t.Context()); gone.state().State != down || !strings.Contains(gone.state().Effect, "pages go on as before") || testutil.ToFloat64(gone.gauge()) != 0 {
		t.Errorf("gone: %+v", gone.state())
	}
}
