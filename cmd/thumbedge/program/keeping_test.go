package program_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// inFrontOf is a server that passes requests on to another as they are, signatures
// and all; before sees each, and may answer in its place (true).
func inFrontOf(t *testing.T, target string, before func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool) (address string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, r.In.Host
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !before(w, r, pass) {
			pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A storage that answers 500, or takes the file and loses the connection before it
// has said so: no row, the picture goes to its client as it is, what may have been
// stored is recorded for deletion, and it is not tried again at every request. When
// the storage is back, the next render is kept.
func TestStorageThatFails(t *testing.T) {
	t.Parallel()
	lost := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	for name, fail := range map[string]func(w http.ResponseWriter, r *http.Request, pass http.Handler){
		"500": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusInternalServerError)
		},
		"lost connection": lost,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failing atomic.Bool
			failing.Store(true)
			s := newSite(t, onS3, func(s *site) {
				s.file.Storage.PublicBaseURL = s.bucket.Endpoint + "/" + s.bucket.Name
				s.file.Storage.Endpoint = inFrontOf(t, s.bucket.Endpoint, func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
					if r.Method != http.MethodPut || !failing.Load() {
						return false
					}
					fail(w, r, pass)
					return true
				})
			}, with(func(f *config.File) { f.Source.RetryAfter = time.Hour }))
			id := s.capture()
			for range 3 {
				response, body := s.get(s.route(id, "?label=small"))
				if response.StatusCode != http.StatusOK || response.Header.Get("Cache-Control") != "private, no-store" || !bytes.HasPrefix(body, []byte("\xff\xd8")) {
					t.Errorf("%s, %v, %d bytes; want the picture, not to be kept", response.Status, response.Header, len(body))
				}
			}
			if n := s.originals.fetches(); n != 1 {
				t.Errorf("%d fetches for three requests", n)
			}
			if rows := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`); rows != 0 {
				t.Errorf("%d rows", rows)
			}
			left := s.toDelete()
			if len(left) != 1 {
				t.Fatalf("recorded for deletion are %v, want one file", left)
			}
			if name == "lost connection" {
				s.fetch(s.file.Storage.PublicBaseURL + "/uploads/" + left[0]) // it did arrive
			}
			failing.Store(false)
			s.fetch(s.redirected(s.capture(), "?label=small"))
		})
	}
}

// A replaced file goes when storage.delete_after is over, and no other: not the one
// that the row names, though it is on the list too.
func TestReplacedFilesAreDeleted(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]siteOption{"file system": nil, "S3": {onS3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, append(options, with(func(f *config.File) { f.Storage.DeleteAfter = 30 * time.Second }))...)
			id := s.capture()
			old := s.redirected(id, "?label=small")
			s.exec(`UPDATE main_sourceimage SET last_modified = last_modified + interval '1 minute'`)
			s.eventually("it is rendered anew", func() bool { return s.redirected(id, "?label=small") != old })
			s.fetch(old) // pages and redirects may still name it
			s.exec(`INSERT INTO thumbedge.file_to_delete (path, capture_id, due) VALUES ($1, $2, now())`, s.thumbnail(id, "small").path, id)
			s.exec(`UPDATE thumbedge.file_to_delete SET due = now()`) // its time is over
			s.eventually("the list is done", func() bool { return len(s.toDelete()) == 0 })
			s.fetch(s.redirected(id, "?label=small"))
			base, _ := url.Parse(s.url)
			gone, _ := base.Parse(old)
			if response, _ := s.get(gone.String()); response.StatusCode != http.StatusNotFound {
				t.Errorf("the replaced file is %s", response.Status)
			}
		})
	}
}

// A storage that bears another site's identity keeps its files, whatever the database has
// recorded for deletion: the database may be a restored dump, whose configuration still
// names the original's storage.
func TestAnotherSitesFilesStay(t *testing.T) {
	t.Parallel()
	s := newSite(t, with(func(f *config.File) { f.Storage.DeleteAfter = 4 * time.Second }))
	id := s.capture()
	location := s.redirected(id, "?label=small")
	identity := filepath.Join(s.file.Storage.Root, "thumbnails", imaging.SiteFile)
	if err := os.WriteFile(identity, []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.exec(`INSERT INTO thumbedge.file_to_delete (path, capture_id, due) SELECT path, source_image_id, now() FROM main_sourceimagethumbnail`)
	s.exec(`DELETE FROM main_sourceimagethumbnail`)
	forbidden := s.metric(`thumbedge_swept_files_total{outcome="forbidden"}`)
	s.eventually("a sweep was forbidden", func() bool { return s.metric(`thumbedge_swept_files_total{outcome="forbidden"}`) >= forbidden+1 })
	s.fetch(location)
	if err := os.Remove(identity); err != nil {
		t.Fatal(err)
	}
	s.eventually("the list is done", func() bool { return len(s.toDelete()) == 0 })
}

// Originals in a deployment's own bucket are read with the data source's keys, at its
// endpoint and in its region.
func TestOriginalInADeploymentsBucket(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 100)
	bucket := testenv.S3(t)
	endpoint := inFrontOf(t, bucket.Endpoint, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		requests <- r
		return false
	})
	s := newSite(t)
	client := s3.New(s3.Options{
		BaseEndpoint: &bucket.Endpoint, Region: bucket.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(bucket.AccessKey, bucket.SecretKey, ""),
	})
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket.Name, Key: aws.String("trap 1/night+1.jpg"), Body: bytes.NewReader(photo(t, 640, 480)),
	}); err != nil {
		t.Fatal(err)
	}
	source := one[int64](s, `INSERT INTO main_s3storagesource (name, bucket, region, prefix, access_key, secret_key, endpoint_url)
		VALUES ('traps', $1, $2, 'trap 1', $3, $4, $5) RETURNING id`, bucket.Name, bucket.Region, bucket.AccessKey, bucket.SecretKey, endpoint)
	deployment := one[int64](s, `INSERT INTO main_deployment (name, project_id, data_source_id) VALUES ('trap', 1, $1) RETURNING id`, source)
	id := s.capture()
	s.exec(`UPDATE main_sourceimage SET path = 'trap 1/night+1.jpg', public_base_url = NULL, deployment_id = $2 WHERE id = $1`, id, deployment)
	s.shows(s.redirected(id, "?label=small"), 180)
	if len(requests) != 1 {
		t.Fatalf("the bucket was asked %d times", len(requests))
	}
	credential := (<-requests).URL.Query().Get("X-Amz-Credential")
	if !strings.HasPrefix(credential, bucket.AccessKey+"/") || !strings.Contains(credential, "/"+bucket.Region+"/s3/") {
		t.Errorf("it was asked with %q", credential)
	}
	// With another key, the bucket refuses.
	s.exec(`UPDATE main_s3storagesource SET secret_key = 'another'`)
	if response, body := s.get(s.route(id, "?label=medium")); response.StatusCode != http.StatusBadGateway {
		t.Errorf("with a wrong key: %s %s", response.Status, body)
	}
}
