package program_test

import (
	"bytes"
	"image/jpeg"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

// patientWithDatabase keeps a database that a busy machine makes slow from counting
// as down: then the app would render, which counts as a fetch and stores elsewhere.
func patientWithDatabase(f *config.File) { f.Database.PageTimeout = config.Duration(30 * time.Second) }

// TestTwoProgramsRenderTheSameCapture: no error, one row, its file exists, and each
// original is fetched once. Where a step of keeping a picture timed out, its client
// gets the picture itself, and the other program has to fetch once more.
func TestTwoProgramsRenderTheSameCapture(t *testing.T) {
	t.Parallel()
	s := newSite(t, onS3, with(patientWithDatabase))
	other, err := program.Start(s.file, program.Options{Log: quiet(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	ids := s.captures(6)
	var mu sync.Mutex
	kept, unkept := map[int64]bool{}, 0
	var clients sync.WaitGroup
	for _, base := range []string{s.url, "http://" + other.Addr()} {
		for _, id := range ids {
			clients.Go(func() {
				response, body := s.get(strings.Replace(s.route(id, "?label=small"), s.url, base, 1))
				mu.Lock()
				defer mu.Unlock()
				switch response.StatusCode {
				case http.StatusFound:
					kept[id] = true
					s.fetch(response.Header.Get("Location"))
				case http.StatusOK:
					unkept++
					if _, err := jpeg.Decode(bytes.NewReader(body)); err != nil || response.Header.Get("Cache-Control") != "private, no-store" {
						t.Errorf("capture %d at %s: a picture that was not kept is %v, %v", id, base, response.Header, err)
					}
				default:
					t.Errorf("capture %d at %s: %s %s", id, base, response.Status, body)
				}
			})
		}
	}
	clients.Wait()
	if rows := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`); rows < len(kept) || rows > len(ids) {
		t.Errorf("%d rows, want %d", rows, len(kept))
	}
	for id := range kept {
		row := s.thumbnail(id, "small")
		if got := s.fetch(s.bucket.Endpoint + "/" + s.bucket.Name + "/uploads/" + row.path); int64(len(got)) != row.size {
			t.Errorf("the file of capture %d has %d bytes, its row says %d", id, len(got), row.size)
		}
	}
	if n := s.originals.fetches(); n < len(ids) || n > len(ids)+unkept {
		t.Errorf("%d fetches of %d originals, and %d pictures were not kept", n, len(ids), unkept)
	}
}
