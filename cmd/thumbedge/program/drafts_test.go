package program_test

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// withPrivate gives a site a private folder.
func withPrivate(t *testing.T) func(*site) {
	root := t.TempDir()
	return with(func(f *config.File) {
		f.Storage.Private.Driver, f.Storage.Private.Root = config.DriverFilesystem, root
	})
}

// Two replicas with private storage hear of a project's flips, and of private rows, within
// a second; what each knows of a draft is its private thumbnails, and nothing public.
func TestReplicasHearOfDrafts(t *testing.T) {
	t.Parallel()
	s := newSite(t, withPrivate(t))
	id := s.capture()
	project := one[int64](s, `SELECT project_id FROM main_sourceimage WHERE id = $1`, id)
	s.get(s.route(id, "?label=small"))
	known := func() thumb.Known {
		var known [1]thumb.Known
		_ = s.program.WarmSet().Resolve(t.Context(), []thumb.ID{thumb.ID(id)}, known[:])
		return known[0]
	}
	s.eventually("it is warm", func() bool { k := known(); return k.Standing == thumb.Public && k.Verdicts[0] == thumb.Warm })
	for _, step := range []struct {
		sql  string
		want func(thumb.Known) bool
	}{
		{`UPDATE main_project SET draft = true WHERE id = $1`, func(k thumb.Known) bool {
			return k.Standing == thumb.Draft && k.Project == project && k.Verdicts[0] == thumb.Cold
		}},
		{`INSERT INTO thumbedge.private_thumbnail (source_image_id, label, path, width, height, size, last_modified, created_at, updated_at)
			SELECT id, 'small', 'thumbnails/capture_' || id || '/small_00000000000000ab.jpg', 240, 1, 1, last_modified, now(), now()
			FROM main_sourceimage WHERE project_id = $1`, func(k thumb.Known) bool {
			return k.Standing == thumb.Draft && k.Verdicts[0] == thumb.Warm && k.Digits[0] == 0xab
		}},
		{`UPDATE main_project SET draft = false WHERE id = $1`, func(k thumb.Known) bool {
			return k.Standing == thumb.Public && k.Verdicts[0] == thumb.Warm && k.Digits[0] != 0xab
		}},
	} {
		s.exec(step.sql, project)
		began := time.Now()
		s.eventually(step.sql, func() bool { return step.want(known()) })
		t.Logf("known after %v", time.Since(began))
	}
	_, ready := s.get("http://" + s.program.AdminAddr() + "/readyz")
	if !strings.Contains(string(ready), `"private storage"`) {
		t.Errorf("/readyz says nothing of private storage: %s", ready)
	}
}
