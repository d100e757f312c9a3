package imaging

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestOriginalURL(t *testing.T) {
	t.Parallel()
	c := newColdPath(t, func(cfg *Config, deps *Deps) {
		cfg.Source.PublicURL = "https://site.example"
		cfg.Source.AllowHosts = []string{"minio.internal"}
		deps.Buckets = memoryBuckets{url: "https://s3.example.org"}
	})
	for base, want := range map[string]string{
		"https://photos.example.org/a/":    "https://photos.example.org/a/b%20c.jpg",
		"http://photos.example.org:8080/":  "http://photos.example.org:8080/b%20c.jpg",
		"/media/":                          "/media/b%20c.jpg",
		"https://site.example/media/":      "/media/b%20c.jpg",
		"https://minio/":                   "",
		"https://minio.internal/":          "",
		"http://127.0.0.1:9000/":           "",
		"http://10.1.1.1/":                 "",
		"http://localhost/":                "",
		"https://u:p@photos.example.org/":  "",
		"ftp://photos.example.org/":        "",
		"":                                 "",
		"https://photos.example.org:port/": "",
	} {
		c.database.add(1, base, "b c.jpg", noon)
		if got, err := c.OriginalURL(t.Context(), 1); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", base, got, err, want)
		}
	}
	c.database.edit(1, func(w *thumb.Work) { w.Original.Bucket = &thumb.Bucket{Name: "moths"} })
	if got, _ := c.OriginalURL(t.Context(), 1); got != "https://s3.example.org/moths/b c.jpg?expires=5m0s" && !strings.Contains(got, "expires=5m0s") {
		t.Errorf("in a bucket: %q", got)
	}
	c.database.edit(1, func(w *thumb.Work) { w.Capture.Public = false })
	if got, err := c.OriginalURL(t.Context(), 1); got != "" || !errors.Is(err, thumb.ErrNotPublic) {
		t.Errorf("not public: %q, %v", got, err)
	}
	if got, err := c.OriginalURL(t.Context(), 2); got != "" || !errors.Is(err, thumb.ErrUnknownCapture) {
		t.Errorf("unknown: %q, %v", got, err)
	}
	if c.database.taken != 0 {
		t.Errorf("%d leases were taken", c.database.taken)
	}
}

// The app's own files come from storage where they lie there, else from the app,
// past the guard; a data source's from its bucket, and not past it.
func TestWhereOriginalsAreReadFrom(t *testing.T) {
	t.Parallel()
	app := newOrigin(t)
	app.put(1, "from the app")
	c := newColdPath(t, func(cfg *Config, deps *Deps) {
		cfg.Source.UpstreamURL, cfg.Source.AllowPrivateNetworks = app.URL, false
		deps.Buckets = memoryBuckets{url: app.URL}
	})
	c.stored(2, "from storage")
	c.database.add(1, "/", "photos/1.jpg", noon)
	c.database.add(3, "/media/", "not/there.jpg", noon)
	c.database.add(4, app.URL+"/", "photos/1.jpg", noon)
	c.database.add(5, "", "photos/1.jpg", noon)
	c.database.edit(5, func(w *thumb.Work) { w.Original.Bucket = &thumb.Bucket{Name: "x"} })
	read := func(id thumb.ID) string {
		made, err := c.Thumbnail(t.Context(), id, small)
		if err != nil {
			return err.Error()
		}
		return string(c.storage.files[strings.TrimPrefix(made.URL, "/media/")])
	}
	for id, want := range map[thumb.ID]string{1: "small of from the app", 2: "small of from storage", 3: "answered 404", 4: "private address", 5: "private address"} {
		if got := read(id); !strings.Contains(got, want) {
			t.Errorf("capture %d: %q, want %q", id, got, want)
		}
	}
}

// A bucket is read with a signed URL, and what is secret in it is in no error.
func TestBucketIsReadWithASignedURL(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/moths/night/1.jpg" || r.URL.Query().Get("expires") == "" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("a photo"))
	}))
	defer server.Close()
	c := newColdPath(t, func(_ *Config, deps *Deps) { deps.Buckets = memoryBuckets{url: server.URL} })
	for id, bucket := range map[thumb.ID]string{1: "moths", 2: "closed"} {
		c.database.add(id, "", "night/1.jpg", noon)
		c.database.edit(id, func(w *thumb.Work) { w.Original.Bucket = &thumb.Bucket{Name: bucket} })
	}
	c.get(t, 1, small)
	_, err := c.Thumbnail(context.Background(), 2, small)
	if !errors.Is(err, thumb.ErrOriginalUnavailable) || strings.Contains(err.Error(), "expires") {
		t.Errorf("a bucket that refuses: %v", err)
	}
}
