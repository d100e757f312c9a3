package imaging_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// open starts a replica in this process, with private storage.
func (s *site) open(t *testing.T, hook func(string), edits ...func(*imaging.Config)) *imaging.Renderer {
	t.Helper()
	r, closeAll, err := open(s.database, s.root, s.privateRoot, hook, edits...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return r
}

// A draft gallery opened cold on three replicas at once: each original is fetched once, and
// nothing of it is public.
func TestThreeProcessesRenderADraftGalleryOnce(t *testing.T) {
	t.Parallel()
	const captures = 10
	s := newSite(t, captures)
	s.exec(t, `UPDATE main_sourceimage SET project_id = 2`)
	var waits []func() ([]string, error)
	for range 3 {
		waits = append(waits, s.start(t, orders{Captures: captures, Project: 2}))
	}
	keys := map[string]string{}
	for _, wait := range waits {
		got, err := wait()
		if err != nil || len(got) != 2*captures {
			t.Fatalf("a replica ended with %v, %d answers", err, len(got))
		}
		for _, line := range got {
			var id, position, key, failed string
			_, _ = fmt.Sscanf(line, "got %s %s %s %s", &id, &position, &key, &failed)
			label := id + "/" + position
			if failed != "<nil>" || keys[label] != "" && keys[label] != key || !strings.HasPrefix(key, "drafts/capture_"+id+"/") {
				t.Errorf("%s, another replica got %q", line, keys[label])
			}
			keys[label] = key
		}
	}
	for path, n := range s.fetches {
		if n != 1 {
			t.Errorf("%s was fetched %d times", path, n)
		}
	}
	if rows, files := s.checkPrivate(t); len(s.fetches) != captures || rows != 2*captures || files != 2*captures {
		t.Errorf("%d originals were fetched, %d rows and %d files are there", len(s.fetches), rows, files)
	}
	if rows, files := s.check(t); rows+files != 0 {
		t.Errorf("%d rows and %d files are public", rows, files)
	}
}

// Whatever a capture becomes while it is rendered, nothing of a draft gets into the public
// storage's table, nothing of a public capture into the private one, no client gets a
// picture by the way that is not open any more, and no file is forgotten.
func TestCaptureChangesHandsDuringTheRender(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"leased", "rendered", "stored"} {
		for _, c := range []struct {
			what    string
			project int64 // as it is asked for; 0: public
			change  string
			want    error
		}{
			{"turns public", 2, `UPDATE main_project SET draft = false WHERE id = 2`, thumb.ErrPublic},
			{"moves to a public project", 2, `UPDATE main_sourceimage SET project_id = 1`, thumb.ErrPublic},
			{"moves to another draft", 2, `UPDATE main_sourceimage SET project_id = 3`, thumb.ErrNotPublic},
			{"leaves every project", 2, `UPDATE main_sourceimage SET project_id = NULL`, thumb.ErrNotPublic},
			{"is deleted as a draft", 2, `DELETE FROM main_sourceimage`, thumb.ErrUnknownCapture},
			{"turns draft", 0, `UPDATE main_project SET draft = true WHERE id = 1`, thumb.ErrNotPublic},
			{"moves to a draft", 0, `UPDATE main_sourceimage SET project_id = 3`, thumb.ErrNotPublic},
			{"is deleted", 0, `DELETE FROM main_sourceimage`, thumb.ErrUnknownCapture},
		} {
			t.Run(step+", "+c.what, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, 1)
				if c.project != 0 {
					s.exec(t, `UPDATE main_sourceimage SET project_id = 2`)
				}
				r := s.open(t, func(at string) {
					if at == step {
						s.exec(t, c.change)
					}
				})
				var made imaging.Thumbnail
				var err error
				if c.project != 0 {
					made, err = r.PrivateThumbnail(t.Context(), 1, 1, 0, c.project)
				} else {
					made, err = r.Thumbnail(t.Context(), 1, 1, 0)
				}
				if !errors.Is(err, c.want) || made.JPEG != nil || made.Key != "" || made.URL != "" {
					t.Errorf("the client got %+v, %v; want %v", made, err, c.want)
				}
				if n := s.count(t, `SELECT (SELECT count(*) FROM main_sourceimagethumbnail) + (SELECT count(*) FROM thumbedge.private_thumbnail)`); n != 0 {
					t.Errorf("%d rows were written", n)
				}
				s.check(t)
				s.checkPrivate(t)
			})
		}
	}
}

// A signature for one project lets nobody at another's capture, a public one's or one that
// is in no project; without private storage it lets nobody at anything.
func TestPrivateThumbnailIsTheProjectsAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, 4)
	s.exec(t, `UPDATE main_sourceimage SET project_id = (ARRAY[1, 2, 3, NULL])[id]`)
	r := s.open(t, nil)
	for id, want := range map[thumb.ID]error{1: thumb.ErrPublic, 2: nil, 3: thumb.ErrNotPublic, 4: thumb.ErrNotPublic, 99: thumb.ErrUnknownCapture} {
		made, err := r.PrivateThumbnail(t.Context(), 1, id, 0, 2)
		if !errors.Is(err, want) || (made.Key == "") != (want != nil) {
			t.Errorf("capture %d: %+v, %v; want %v", id, made, err, want)
		}
	}
	if _, err := r.PrivateThumbnail(t.Context(), 1, 4, 0, 0); !errors.Is(err, thumb.ErrNotPublic) {
		t.Errorf("a signature for no project: %v", err)
	}
	if _, err := r.Thumbnail(t.Context(), 1, 2, 0); !errors.Is(err, thumb.ErrNotPublic) {
		t.Errorf("a draft by the public way: %v", err)
	}
	without, closeAll, err := open(s.database, s.root, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	if _, err := without.PrivateThumbnail(t.Context(), 1, 2, 0, 2); !errors.Is(err, thumb.ErrNotPublic) || without.PrivateReady() || without.Failed(2, 0) {
		t.Errorf("without private storage: %v", err)
	}
	if s.check(t); len(s.fetches) != 1 {
		t.Errorf("fetched were %v", s.fetches)
	}
}

// A project turns draft and is public again, turns draft for good, then public; captures
// are deleted: two replicas, of which none hears of any of it, bring both tables and both
// storages in accord with that, in their time, and remove nothing too early.
func TestDraftsAreTendedWithoutNotifications(t *testing.T) {
	t.Parallel()
	s := newSite(t, 6)
	s.exec(t, `UPDATE main_sourceimage SET project_id = 2 WHERE id > 3`)
	quick := func(cfg *imaging.Config) { cfg.DeleteAfter = 2 * time.Second }
	r, _ := s.open(t, nil, quick), s.open(t, nil, quick)
	for id := thumb.ID(1); id <= 6; id++ {
		made, err := r.Thumbnail(t.Context(), 1, id, 0)
		if id > 3 {
			made, err = r.PrivateThumbnail(t.Context(), 1, id, 0, 2)
		}
		if err != nil || made.URL+made.Key == "" {
			t.Fatalf("capture %d: %+v, %v", id, made, err)
		}
	}
	state := func() string {
		rows := s.count(t, `SELECT count(*) FROM main_sourceimagethumbnail`)
		private := s.count(t, `SELECT count(*) FROM thumbedge.private_thumbnail`)
		return fmt.Sprintf("%d rows, %d files; private %d, %d", rows, files(t, s.root+"/thumbnails"), private, files(t, s.privateRoot+"/drafts"))
	}
	until := func(what, want string) {
		t.Helper()
		eventually.Holds(t, what, func() bool { return state() == want })
	}
	if got := state(); got != "3 rows, 3 files; private 3, 3" {
		t.Fatal(got)
	}
	s.exec(t, `UPDATE main_project SET draft = true WHERE id = 1`)
	began := time.Now()
	eventually.Holds(t, "it is seen", func() bool {
		return s.count(t, `SELECT count(*) FROM thumbedge.draft_project WHERE project_id = 1`) == 1
	})
	s.exec(t, `UPDATE main_project SET draft = false WHERE id = 1`)
	eventually.Holds(t, "it is seen to be public again", func() bool {
		return s.count(t, `SELECT count(*) FROM thumbedge.draft_project WHERE project_id = 1`) == 0
	})
	if got := state(); got != "3 rows, 3 files; private 3, 3" {
		t.Errorf("after it was a draft for %v: %s", time.Since(began), got)
	}
	s.exec(t, `UPDATE main_project SET draft = true WHERE id = 1; DELETE FROM main_sourceimage WHERE id = 6`)
	until("public rows and files of the draft go, and private ones of a deleted capture", "0 rows, 0 files; private 2, 2")
	s.exec(t, `UPDATE main_project SET draft = false WHERE id = 2`)
	until("private ones go when the project is public", "0 rows, 0 files; private 0, 0")
	eventually.Holds(t, "no file is to be deleted", func() bool {
		return s.count(t, `SELECT (SELECT count(*) FROM thumbedge.file_to_delete) + (SELECT count(*) FROM thumbedge.private_file_to_delete)`) == 0
	})
}

// files counts the pictures below a folder.
func files(t *testing.T, root string) (n int) {
	t.Helper()
	folders, _ := os.ReadDir(root)
	for _, folder := range folders {
		inside, _ := os.ReadDir(root + "/" + folder.Name())
		for _, file := range inside {
			if strings.HasSuffix(file.Name(), ".jpg") {
				n++
			}
		}
	}
	return n
}

// A label that cannot be had is told of without asking anybody, and again once its capture
// may have changed.
func TestFailedLabelsAreTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	s.exec(t, `UPDATE main_sourceimage SET project_id = 2, public_base_url = 'http://127.0.0.1:1/'`)
	r := s.open(t, nil)
	if r.Failed(1, 0) || !r.PrivateReady() {
		t.Fatal("something is said to have failed")
	}
	if _, err := r.PrivateThumbnail(t.Context(), 1, 1, 0, 2); !errors.Is(err, thumb.ErrOriginalUnavailable) {
		t.Fatal(err)
	}
	if !r.Failed(1, 0) || r.Failed(2, 0) {
		t.Error("it is not known to have failed, or another is")
	}
	r.Changed([]thumb.ID{1})
	if r.Failed(1, 0) {
		t.Error("it is, after the capture changed")
	}
}
