package program_test

import (
	"strings"
	"sync"
	"testing"
)

// TestTwoProgramsRenderTheSameCapture: every client is sent to the same file, each
// capture has one row, its file exists, and each original is fetched once.
func TestTwoProgramsRenderTheSameCapture(t *testing.T) {
	t.Parallel()
	s := newSite(t, onS3)
	ids := s.captures(6)
	var clients sync.WaitGroup
	for _, program := range []*site{s, s.another(nil)} {
		for _, id := range ids {
			clients.Go(func() {
				location, row := program.redirected(id, "?label=small"), program.thumbnail(id, "small")
				if !strings.HasSuffix(location, "/"+row.path) || int64(len(s.fetch(location))) != row.size {
					t.Errorf("capture %d at %s: the client is sent to %s, the row is %+v", id, program.url, location, row)
				}
			})
		}
	}
	clients.Wait()
	if rows := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`); rows != len(ids) {
		t.Errorf("%d rows, want %d", rows, len(ids))
	}
	if n := s.originals.fetches(); n != len(ids) {
		t.Errorf("%d fetches of %d originals", n, len(ids))
	}
}
