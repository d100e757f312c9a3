package program_test

import (
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// TestPrefetch: a page that shows captures cold has their thumbnails made, asked for
// or not, and a browser that asks meanwhile joins in: each original is fetched once.
func TestPrefetch(t *testing.T) {
	t.Parallel()
	s := newSite(t, with(func(f *config.File) { f.Rewrite.Prefetch.SetPlain([]string{"small"}) }))
	s.captures(10)
	var images sync.WaitGroup
	for id := range s.thumbnailsOf(s.page(s.url, "limit=10")) {
		images.Go(func() { s.fetch(s.redirected(id, "?label=small")) })
	}
	images.Wait()
	if n := s.originals.fetches(); n != 10 {
		t.Errorf("%d fetches of 10 originals", n)
	}

	s.project = 3
	s.exec(`INSERT INTO main_project (id, name, draft) VALUES (3, 'another', false)`)
	s.captures(10)
	s.page(s.url, "project_id=3&limit=10")
	s.eventually("all have their thumbnails", func() bool { return one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`) == 20 })
	if n := s.originals.fetches(); n != 20 {
		t.Errorf("%d fetches of 20 originals", n)
	}
}
