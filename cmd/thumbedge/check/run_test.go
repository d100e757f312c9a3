package check_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/check"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// run checks a configuration and returns what is found of each part.
func run(t *testing.T, file *config.File) map[string]check.Finding {
	t.Helper()
	found := map[string]check.Finding{}
	check.Run(t.Context(), file, func(f check.Finding) { found[f.Part] = f })
	return found
}

// TestRun: where all is well nothing fails.
func TestRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pair()
	for part, f := range run(t, s.file) {
		if f.Err != nil || f.Unknown || f.Degraded && part != "descriptors" && part != "memory" {
			t.Errorf("%s: %+v", part, f)
		}
	}
}

// TestApp: an app is where its pages are. One that answers 404 there is another server,
// or upstream.url names another path.
func TestApp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for status, want := range map[int]string{
		200: "ok", 301: "ok", 401: "ok", 403: "ok", 400: "degraded",
		404: "are rewrite.paths its paths?", 405: "405", 500: "500", 503: "503",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			t.Cleanup(app.Close)
			file := *s.file
			file.Upstream.URL = app.URL
			wantVerdicts(t, run(t, &file), map[string]string{"app": want})
		})
	}
	t.Run("asked as browsers do", func(t *testing.T) {
		t.Parallel()
		app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "antenna.example.org" || r.Header.Get("X-Forwarded-Proto") != "https" {
				w.WriteHeader(http.StatusBadRequest)
			}
		}))
		t.Cleanup(app.Close)
		file := *s.file
		file.Upstream.URL, file.Server.PublicURL = app.URL, "https://antenna.example.org"
		wantVerdicts(t, run(t, &file), map[string]string{"app": "ok"})
	})
	file := *s.file
	file.Rewrite.Paths = nil
	wantVerdicts(t, run(t, &file), map[string]string{"storage": "ok"}) // and no panic
}

// TestStorageErrors: what a real S3 server refuses is told in a line, with the way out.
func TestStorageErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := testenv.S3(t)
	s.file.Storage.Driver, s.file.Storage.Bucket, s.file.Storage.Region, s.file.Storage.PathStyle = config.DriverS3, bucket.Name, bucket.Region, true
	s.file.Storage.Endpoint, s.file.Storage.AccessKey, s.file.Storage.SecretKey = bucket.Endpoint, bucket.AccessKey, bucket.SecretKey
	wantVerdicts(t, run(t, s.file), map[string]string{"storage": "ok"})
	for name, c := range map[string]struct {
		edit func(*config.File)
		want string
	}{
		"another bucket":     {func(f *config.File) { f.Storage.Bucket = "nobodys" }, "storage.endpoint has no storage.bucket of that name"},
		"another secret":     {func(f *config.File) { f.Storage.SecretKey = "x" }, "storage.secret_key is not that of storage.access_key"},
		"another key":        {func(f *config.File) { f.Storage.AccessKey = "x" }, "storage.endpoint does not know storage.access_key"},
		"another region":     {func(f *config.File) { f.Storage.Region = "moon-1" }, "storage.region is not the bucket's"},
		"nothing there":      {func(f *config.File) { f.Storage.Endpoint = "http://127.0.0.1:1" }, "or nothing runs there"},
		"no such host":       {func(f *config.File) { f.Storage.Endpoint = "http://s3.invalid" }, "there is no host s3.invalid"},
		"another's contents": {func(f *config.File) { f.Storage.Endpoint = altered(t, bucket.Endpoint) }, "they are not those that were put"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := *s.file
			c.edit(&file)
			err := run(t, &file)["storage"].Err
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v does not say %q", err, c.want)
			}
			for _, noise := range []string{"%!", "https response error", "RequestID", "exceeded maximum number of attempts", "\n"} {
				if strings.Contains(err.Error(), noise) {
					t.Errorf("there is %q in %v", noise, err)
				}
			}
			if len(err.Error()) > 300 {
				t.Errorf("%d bytes are more than a line: %v", len(err.Error()), err)
			}
		})
	}
}

// altered is a storage that gives other bytes back than it was given.
func altered(t *testing.T, endpoint string) string {
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method != http.MethodGet || r.StatusCode != http.StatusOK {
				return nil
			}
			for name := range r.Header {
				if strings.HasPrefix(name, "X-Amz-Checksum") {
					r.Header.Del(name)
				}
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", len(body))))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}
