package program_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

// TestTwoProgramsRenderTheSameCapture: no error, one row, and its file exists.
func TestTwoProgramsRenderTheSameCapture(t *testing.T) {
	t.Parallel()
	s := newSite(t, onS3)
	other, err := program.Start(s.file, program.Options{Log: quiet(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	ids := s.captures(6)
	var clients sync.WaitGroup
	for _, base := range []string{s.url, "http://" + other.Addr()} {
		for _, id := range ids {
			clients.Go(func() {
				response, body := s.get(strings.Replace(s.route(id, "?label=small"), s.url, base, 1))
				if response.StatusCode != http.StatusFound {
					t.Errorf("capture %d at %s: %s %s", id, base, response.Status, body)
					return
				}
				s.fetch(response.Header.Get("Location"))
			})
		}
	}
	clients.Wait()
	if rows := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`); rows != len(ids) {
		t.Errorf("%d rows, want %d", rows, len(ids))
	}
	for _, id := range ids {
		row := s.thumbnail(id, "small")
		if got := s.fetch(s.bucket.Endpoint + "/" + s.bucket.Name + "/uploads/" + row.path); int64(len(got)) != row.size {
			t.Errorf("the file of capture %d has %d bytes, its row says %d", id, len(got), row.size)
		}
	}
	if n := s.originals.fetches(); n != len(ids) {
		t.Errorf("%d fetches of %d originals", n, len(ids))
	}
}
