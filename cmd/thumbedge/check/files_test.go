package check_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	pairing "github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// pair makes a pair of the site's database and storage, and returns the storage.
func (s *site) pair() program.Storage {
	s.Helper()
	storage, _, _, err := program.NewStorage(s.Context(), s.file, slog.New(slog.DiscardHandler))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = storage.Close() })
	store, err := postgres.New(s.file.Postgres(), s.pool, slog.New(slog.DiscardHandler), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		s.Fatal(err)
	}
	if err := pairing.Adopt(s.Context(), store, storage, s.file.Storage.Prefix, 0); err != nil {
		s.Fatal(err)
	}
	return storage
}

// TestFiles: a storage that is not the app's takes puts, gets and deletes as well as the
// app's, and has none of its files.
func TestFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file.Upstream.URL = s.appURL
	wantVerdicts(t, run(t, s.file), map[string]string{"files": "thumbedge migrate up does it", "image URLs": "ok"})
	storage := s.pair()
	wantVerdicts(t, run(t, s.file), map[string]string{"files": "ok", "image URLs": "ok"})
	s.captures(1)
	wantVerdicts(t, run(t, s.file), map[string]string{
		"storage": "ok", "files": "so that most warm images are 404s: is the storage the app's",
	})
	var key string
	if err := s.pool.QueryRow(t.Context(), `SELECT path FROM main_sourceimagethumbnail`).Scan(&key); err != nil {
		t.Fatal(err)
	}
	if err := storage.Put(t.Context(), key, []byte("jpeg")); err != nil {
		t.Fatal(err)
	}
	wantVerdicts(t, run(t, s.file), map[string]string{"files": "ok", "image URLs": "ok"})

	other := *s.file
	other.Storage.URLPath = "/static/"
	wantVerdicts(t, run(t, &other), map[string]string{"files": "ok", "image URLs": "for one file thumbedge sends browsers to"})
	bucket := testenv.S3(t)
	other = *s.file
	other.Storage.Driver, other.Storage.Bucket, other.Storage.Region, other.Storage.PathStyle = "s3", bucket.Name, bucket.Region, true
	other.Storage.Endpoint, other.Storage.AccessKey, other.Storage.SecretKey = bucket.Endpoint, bucket.AccessKey, bucket.SecretKey
	wantVerdicts(t, run(t, &other), map[string]string{"storage": "ok", "files": "of the newest 1 rows' files 1 are not there"})

	page := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(page.Close)
	other.Storage.Endpoint = page.URL
	wantVerdicts(t, run(t, &other), map[string]string{"storage": "the server accepted it, and holds something else"})

	s.exec(`UPDATE thumbedge.site SET database_name = 'production'`)
	wantVerdicts(t, run(t, s.file), map[string]string{"files": "a dump or a copy that was restored"})
}
