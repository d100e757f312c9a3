package program_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
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
