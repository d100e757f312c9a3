package program

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

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
		return newStorageProbe(storage, "thumbnails/", prometheus.NewRegistry())
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
