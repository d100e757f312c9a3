package s3_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/imaging/storagetest"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

func TestConformance(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		return storagetest.Subject{Storage: open(t, config(testenv.S3(t)))}
	})
}

func TestConformanceOfPrivateStorage(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		cfg := config(testenv.PrivateS3(t))
		cfg.Private, cfg.Presign = true, 30*time.Minute
		return storagetest.Subject{Storage: open(t, cfg), Private: true}
	})
}

// config is that of a bucket of a test's own.
func config(b testenv.Bucket) s3.Config {
	cfg := s3.Defaults()
	cfg.Timeout = 3 * time.Minute // a busy machine is no storage that is down
	cfg.Bucket, cfg.Region, cfg.Endpoint, cfg.PathStyle = b.Name, b.Region, b.Endpoint, true
	cfg.AccessKey, cfg.SecretKey = b.AccessKey, b.SecretKey
	return cfg
}

func open(t *testing.T, cfg s3.Config) *s3.Storage {
	t.Helper()
	s, err := s3.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
