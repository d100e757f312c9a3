package check_test

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/check"
)

// findings are what a check says of each part.
func (s *site) findings() map[string]check.Finding {
	s.Helper()
	found := map[string]check.Finding{}
	check.Run(s.Context(), s.file, func(f check.Finding) { found[f.Part] = f })
	return found
}

// What becomes of the app's tables, and of a schema that this program does not know, is
// said by a check, with the way out.
func TestCheckOfTheDatabase(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if f := s.findings(); f["tables"].Err != nil || f["tables"].Degraded || f["triggers"].Err != nil || f["triggers"].Degraded {
		t.Errorf("a database as it should be: %+v", f)
	}
	s.exec(`COMMENT ON TABLE main_sourceimagethumbnail IS 'made by thumbedge migrate'`)
	s.exec(`INSERT INTO thumbedge.migration (number, name) VALUES (4711, 'of_tomorrow')`)
	f := s.findings()
	if !f["tables"].Degraded || !strings.Contains(f["tables"].Fact, "migrate main 0091 --fake") {
		t.Errorf("of a table that an earlier thumbedge made it says %+v", f["tables"])
	}
	if !f["triggers"].Degraded || !strings.Contains(f["triggers"].Fact, "4711 of_tomorrow") {
		t.Errorf("of a newer schema it says %+v", f["triggers"])
	}
	s.exec(`ALTER TABLE main_sourceimagethumbnail DROP CONSTRAINT unique_source_image_thumbnail_label`)
	if f := s.findings()["tables"]; f.Err == nil || !strings.Contains(f.Err.Error(), "unique_source_image_thumbnail_label") {
		t.Errorf("of a table without its constraint it says %+v", f)
	}
}
