package program

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// still is a storage whose disk stands still for as long as the channel is open that lies in it.
type still struct{ atomic.Pointer[chan struct{}] }

func (s *still) stand() (goOn func()) {
	disk := make(chan struct{})
	s.Store(&disk)
	return func() { close(disk) }
}

func (s *still) Exists(context.Context, string) (bool, error) { <-*s.Load(); return false, nil }

// A file system whose disk stands still heeds no context: what was known of the storage
// before once stayed what /readyz said for as long as that took, and an end of the process
// waited for it, too.
func TestStorageThatStandsStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := new(still)
		disk.stand()()
		probe := newStorageProbe(rows{}, disk, "thumbnails/", prometheus.NewRegistry())
		probe.ask(t.Context())
		if part := probe.state(); part.State != ok {
			t.Fatalf("before: %+v", part)
		}
		goOn := disk.stand()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			probe.watch(ctx)
		}()
		time.Sleep(time.Minute)
		if part := probe.state(); part.State != down || !strings.Contains(part.Effect, "the disk stands still") || testutil.ToFloat64(probe.gauge()) != 0 {
			t.Errorf("after a minute: %+v", part)
		}
		goOn()
		synctest.Wait()
		if part := probe.state(); part.State != ok {
			t.Errorf("it is back: %+v", part)
		}
		goOn = disk.stand()
		time.Sleep(storageProbeEvery)
		cancel()
		<-ended
		goOn()
	})
}
