package program_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// TestDraftGalleryOfBrokenOriginals: of originals that are only the app's to decode, cut
// off or not there, a member sees what the app alone would show: null, and with it the
// original. Each is tried once, and neither the app nor the original stands in for it.
func TestDraftGalleryOfBrokenOriginals(t *testing.T) {
	t.Parallel()
	half, err := os.ReadFile("../../../imaging/render/testdata/photos/bad/half.jpg")
	if err != nil {
		t.Fatal(err)
	}
	originals := map[string][]byte{"/good.jpg": photo(t, 640, 480), "/scan.tif": appsFormat(t), "/half.jpg": half}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		original, ok := originals[path.Clean(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(original)
	}))
	t.Cleanup(server.Close)
	s := newPrivateSite(t, withPillow, with(func(f *config.File) { f.Source.RetryAfter = time.Hour }))
	want := map[int64]int{}
	for name, status := range map[string]int{
		"good.jpg": http.StatusOK, "scan.tif": http.StatusUnprocessableEntity, "half.jpg": http.StatusUnprocessableEntity, "gone.jpg": http.StatusServiceUnavailable,
	} {
		want[one[int64](s, `INSERT INTO main_sourceimage (path, public_base_url, timestamp, width, height, size, last_modified, project_id)
			VALUES ($1, $2, '2026-06-12 23:00', 640, 480, 1, now() - interval '1 hour', 2) RETURNING id`, name, server.URL+"/")] = status
	}
	for id, labels := range s.signedLabels(owner) {
		for label, target := range labels {
			if response, body := s.get(s.url + target); response.StatusCode != want[id] {
				t.Errorf("capture %d, %s: %s, want %d: %.100s", id, label, response.Status, want[id], body)
			}
		}
	}
	shown := s.signedLabels(owner)
	for id, status := range want {
		if n := len(shown[id]); status == http.StatusOK && n != 3 || status != http.StatusOK && n != 0 {
			t.Errorf("capture %d, whose image is %d, is shown with %d labels", id, status, n)
		}
	}
	if got := s.app.Counters(); got.Thumbnail != 0 || got.Renders != 0 {
		t.Errorf("the app saw %d requests for thumbnails, and rendered %d", got.Thumbnail, got.Renders)
	}
	if n := one[int](s, `SELECT count(*) FROM thumbedge.private_thumbnail`); n != 3 {
		t.Errorf("%d private rows", n)
	}
	s.keepsSecrets()
}
