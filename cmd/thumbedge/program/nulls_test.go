package program_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The app's table allows null in width, height and size, and its admin form leaves
// them blank. Such a row costs nobody anything: not its own capture's other labels,
// not the page that it is on, and no connection to the database. It once took all of
// them, one a request, and then nobody's page was rewritten.
func TestNullsCostNobodyAnything(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	blank, narrow, plain, later := s.capture(), s.capture(), s.capture(), s.capture()
	for _, id := range []int64{blank, narrow, plain, later} {
		s.row(id, "small", 240)
	}
	s.exec(`UPDATE main_sourceimagethumbnail SET height = NULL, size = NULL WHERE source_image_id = $1`, blank)
	s.exec(`UPDATE main_sourceimagethumbnail SET width = NULL WHERE source_image_id = $1`, narrow)

	shown := s.thumbnailsOf(s.page(s.url, "project_id=1"))
	for id, warm := range map[int64]bool{blank: true, narrow: false, plain: true} {
		if got := shown[id]["small"]; strings.Contains(got, "/media/") != warm {
			t.Errorf("capture %d is shown as %s", id, got)
		}
	}
	failed := 0
	for n := range 2 * s.file.Database.MaxConns {
		for _, id := range []int64{blank, narrow} {
			label := []string{"medium", "large"}[n%2]
			if response, _ := s.get(s.route(id, "?label="+label)); response.StatusCode != http.StatusFound {
				failed++
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d requests for the other labels failed", failed, 4*s.file.Database.MaxConns)
	}
	if response, body := s.get(s.route(narrow, "?label=small")); response.StatusCode != http.StatusFound {
		t.Errorf("a row without a width does not heal: %s %s", response.Status, body)
	}
	s.exec(`UPDATE main_sourceimagethumbnail SET path = path || '.jpg' WHERE source_image_id = $1`, later)
	s.eventually("others' pages are rewritten", func() bool {
		return strings.HasSuffix(s.thumbnailsOf(s.page(s.url, "project_id=1"))[later]["small"], fmt.Sprintf("/media/thumbnails/capture_%d/small.jpg.jpg", later))
	})
	s.eventually("no connection is out", func() bool { return s.metric("thumbedge_database_connections_busy") == 0 })
}
