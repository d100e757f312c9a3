package program_test

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// replica starts another thumbedge of the same configuration.
func (s *site) replica() *site {
	s.Helper()
	other := *s
	other.start()
	return &other
}

// TestChangesShowOnEveryReplica: a page that starts 1 s after the commit of a change
// does not show the old answer, on either of two replicas that both remember it. The
// app's pages are recorded, so that they name every capture all the while.
func TestChangesShowOnEveryReplica(t *testing.T) {
	t.Parallel()
	s := newSite(t, recorded)
	stalls := testenv.WatchStalls(t)
	replicas := []*site{s, s.replica()}
	ids := s.captures(9)
	for _, id := range ids[1:] {
		s.row(id, "small", 240)
	}
	for _, r := range replicas {
		r.page(r.url, "limit=50") // is recorded now
	}
	const route, warm = "/api/v2/captures/thumbnails/", "/media/thumbnails/"
	for _, change := range []struct {
		what, sql string
		id        int64
		want      string // in the URL of the label small
	}{
		{"row inserted", `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			VALUES (now(), now(), 'thumbnails/capture_new/small.jpg', 'small', 240, 10, 10, $1)`, ids[0], warm + "capture_new/"},
		{"row updated", `UPDATE main_sourceimagethumbnail SET path = 'thumbnails/capture_moved/small.jpg' WHERE source_image_id = $1`, ids[1], warm + "capture_moved/"},
		{"row of another width", `UPDATE main_sourceimagethumbnail SET width = 239 WHERE source_image_id = $1`, ids[2], route},
		{"row deleted", `DELETE FROM main_sourceimagethumbnail WHERE source_image_id = $1`, ids[3], route},
		{"original changed", `UPDATE main_sourceimage SET last_modified = now() WHERE id = $1`, ids[4], route},
		{"capture moved to a draft", `UPDATE main_sourceimage SET project_id = 2 WHERE id = $1`, ids[5], route},
		{"capture moved back", `UPDATE main_sourceimage SET project_id = 1 WHERE id = $1`, ids[5], warm},
		{"capture without a project", `UPDATE main_sourceimage SET project_id = NULL WHERE id = $1`, ids[6], route},
		{"capture deleted", `WITH rows AS (DELETE FROM main_sourceimagethumbnail WHERE source_image_id = $1) DELETE FROM main_sourceimage WHERE id = $1`, ids[7], route},
		{"project made a draft", `UPDATE main_project SET draft = true WHERE id = (SELECT project_id FROM main_sourceimage WHERE id = $1)`, ids[8], route},
		{"project made public", `UPDATE main_project SET draft = false WHERE id = (SELECT project_id FROM main_sourceimage WHERE id = $1)`, ids[8], warm},
	} {
		for _, r := range replicas {
			s.eventually("the old answer is remembered: "+change.what, func() bool {
				shown := r.shown(change.id)
				_, held := r.program.WarmSet().Lookup(thumb.ID(change.id))
				return held && !strings.Contains(shown, change.want)
			})
		}
		s.exec(change.sql, change.id)
		committed := time.Now()
		for i, r := range replicas {
			for {
				start := time.Now()
				shown := r.shown(change.id)
				if strings.Contains(shown, change.want) {
					break
				}
				if late := start.Sub(committed) - stalls.Since(committed); late > time.Second {
					t.Fatalf("%s: replica %d shows %s in a page that started %v after the commit", change.what, i+1, shown, late)
				}
			}
		}
	}
}

// shown is the URL of a capture's small thumbnail in a page.
func (s *site) shown(id int64) string {
	s.Helper()
	labels, ok := s.thumbnailsOf(s.page(s.url, "limit=50"))[id]
	if !ok {
		s.Fatalf("the page lacks capture %d", id)
	}
	return labels["small"]
}
