package program_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// TestBadOriginals: what is not an image, is cut off or lies about its size is 422 on
// a label without a fallback, and leaves no row and no file.
func TestBadOriginals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files, _ := filepath.Glob("../../../imaging/render/testdata/photos/bad/*")
	if len(files) < 7 {
		t.Fatalf("%d bad photos", len(files))
	}
	for _, file := range files {
		if filepath.Base(file) == "noise.jpg" { // damaged, but either answer is right
			continue
		}
		photo, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.originals.set(photo)
		response, body := s.get(s.route(s.capture(), "?label=medium"))
		if response.StatusCode != http.StatusUnprocessableEntity || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %.100s", filepath.Base(file), response.Status, body)
		}
	}
	if rows := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`); rows != 0 {
		t.Errorf("%d rows are left behind", rows)
	}
	if left, _ := filepath.Glob(filepath.Join(s.file.Storage.Root, "thumbnails", "*", "*")); len(left) != 0 {
		t.Errorf("files are left behind: %v", left)
	}
	if n := s.app.Counters().Thumbnail; n != 0 {
		t.Errorf("%d thumbnail requests reached the app", n)
	}
}

// TestGalleryOfBrokenCaptures: 40 captures whose originals are broken, missing or cut
// off cost an attempt each, not 40 a view. Those that break off come from a host of their
// own, which is left alone when three in a row did.
func TestGalleryOfBrokenCaptures(t *testing.T) {
	t.Parallel()
	s := newSite(t, with(func(f *config.File) { f.Source.RetryAfter = time.Hour }))
	half, err := os.ReadFile("../../../imaging/render/testdata/photos/bad/half.jpg")
	if err != nil {
		t.Fatal(err)
	}
	answers := []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(half) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>not here") },
		func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000") },
	}
	var whole, brokenOff atomic.Int64
	serve := func(attempts *atomic.Int64) (url string) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			attempts.Add(1)
			kind, _ := strconv.Atoi(strings.Trim(path.Dir(r.URL.Path), "/"))
			answers[kind%len(answers)](w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL + "/"
	}
	s.exec(`INSERT INTO main_sourceimage (path, public_base_url, timestamp, width, height, size, last_modified, project_id)
		SELECT n || '/x.jpg', CASE n % 4 WHEN 3 THEN $2 ELSE $1 END, '2026-06-12 23:00', 640, 480, 1, now(), 1 FROM generate_series(1, 40) n`, serve(&whole), serve(&brokenOff))
	for view := range 3 {
		var images sync.WaitGroup
		for _, shown := range s.thumbnailsOf(s.page(s.url, "limit=40")) {
			for _, label := range []string{"small", "medium"} {
				images.Go(func() {
					response, _ := s.get(shown[label])
					if response.StatusCode != http.StatusUnprocessableEntity && response.StatusCode != http.StatusBadGateway {
						t.Errorf("view %d: %s is %s", view, shown[label], response.Status)
					}
				})
			}
		}
		images.Wait()
	}
	if n, b := whole.Load(), brokenOff.Load(); n != 30 || b < 3 || b > 10 {
		t.Errorf("%d attempts at 30 originals, and %d at 10 that break off, in three views of two labels", n, b)
	}
}
