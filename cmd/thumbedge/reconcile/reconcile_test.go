package reconcile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
)

const (
	kept     = "thumbnails/capture_1/small_0000000000000001.jpg"
	gone     = "thumbnails/capture_2/small_0000000000000002.jpg"
	wide     = "thumbnails/capture_3/medium_0000000000000003.jpg"
	orphan   = "thumbnails/capture_1/small_00000000000000ff.jpg"
	young    = "thumbnails/capture_1/small_00000000000000fe.jpg"
	recorded = "thumbnails/capture_1/small_00000000000000fd.jpg"
	outside  = "thumbnails/banner.jpg"
	beside   = "thumbnails/capture_x/small.jpg"
)

// mess has one of everything that reconcile tells apart.
func mess(s *site) {
	s.row(1, "small", kept, 240)
	s.row(2, "small", gone, 240)
	s.row(3, "small", "", 240)
	s.row(3, "medium", wide, 999)
	s.oldFiles(kept, wide, orphan, recorded, outside, beside)
	s.files(young)
	s.exec(`INSERT INTO thumbedge.file_to_delete (path, capture_id, due) VALUES ($1, 1, now() + interval '1 hour')`, recorded)
}

var messFound = reconcile.Summary{
	Rows: 4, RowsFileGone: 1, FilesFound: 2, Regenerate: reconcile.Regenerate{BlankPath: 1, OtherWidth: 1},
	Files: 6, FilesNamed: 3, FilesRecorded: 1, FilesYoung: 1, FilesUnnamed: 1, BytesUnnamed: 4,
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mess(s)
	files, paths := s.stored(), s.paths()
	if diff := cmp.Diff(messFound, s.run(s.cfg)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(files, s.stored()) + cmp.Diff(paths, s.paths()); diff != "" {
		t.Errorf("a dry run changed:\n%s", diff)
	}
}

func TestApplyRepairs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mess(s)
	s.cfg.Apply = true
	want := messFound
	want.Apply, want.RowsRemoved, want.FilesDeleted, want.BytesDeleted = true, 1, 1, 4
	if diff := cmp.Diff(want, s.run(s.cfg)); diff != "" {
		t.Errorf("found and repaired (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{kept, "", wide}, s.paths()); diff != "" {
		t.Errorf("rows that are left (-want +got):\n%s", diff)
	}
	// The young one, the recorded one and what is in no capture's folder stay.
	if diff := cmp.Diff([]string{outside, kept, recorded, young, wide, beside}, s.stored()); diff != "" {
		t.Errorf("files that are left (-want +got):\n%s", diff)
	}
	text, err := s.store.Remembered(t.Context(), reconcile.LastRun)
	if err != nil {
		t.Fatal(err)
	}
	var last reconcile.Summary
	if err := json.Unmarshal(text, &last); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, timeless(t, last)); diff != "" {
		t.Errorf("the last run is remembered as (-want +got):\n%s", diff)
	}
	if again := s.run(s.cfg); again.RowsFileGone+again.FilesUnnamed != 0 || again.Resumed {
		t.Errorf("a second run found %+v", again)
	}
}

func TestOnS3(t *testing.T) {
	t.Parallel()
	s := newSiteOnS3(t)
	s.row(1, "small", kept, 240)
	s.row(2, "small", gone, 240)
	s.files(kept, orphan, outside)
	s.cfg.Apply = true
	young := s.run(s.cfg)
	if young.RowsRemoved != 1 || young.FilesYoung != 1 || young.FilesDeleted != 0 {
		t.Errorf("within the grace: %+v", young)
	}
	s.cfg.Grace, s.cfg.Force = 0, 1
	// The server's clock is cut to whole seconds; it is not ahead of ours.
	if old := s.run(s.cfg); old.FilesDeleted != 1 || old.RowsFileGone != 0 {
		t.Errorf("past the grace: %+v", old)
	}
	if diff := cmp.Diff([]string{outside, kept}, s.stored()) + cmp.Diff([]string{kept}, s.paths()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestSinceLeavesOlderRowsOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.row(1, "small", kept, 240)
	s.row(2, "small", gone, 240)
	s.exec(`UPDATE main_sourceimagethumbnail SET updated_at = now() - interval '10 days' WHERE path = $1`, kept)
	s.cfg.Since = time.Now().Add(-time.Hour)
	got := s.run(s.cfg)
	if got.Rows != 1 || got.RowsLeftOut != 1 || got.RowsFileGone != 1 {
		t.Errorf("found %+v", got)
	}
}

// A store comes before its row: with too short a grace, the file of a row that is
// about to be written would go.
func TestShortGraceIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.files(orphan)
	s.cfg.Apply, s.cfg.Grace = true, reconcile.SafeGrace-1
	if _, err := reconcile.Run(t.Context(), s.cfg, s.store, s.storage, silent); err == nil || !strings.Contains(err.Error(), "reconcile.grace") {
		t.Errorf("with a grace of %v it says %v", s.cfg.Grace, err)
	}
	if diff := cmp.Diff([]string{orphan}, s.stored()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	s.cfg.Apply = false
	if got := s.run(s.cfg); got.FilesYoung != 1 {
		t.Errorf("a dry run found %+v", got)
	}
}

func TestConfigIsRefused(t *testing.T) {
	t.Parallel()
	_, err := reconcile.Run(t.Context(), reconcile.Config{Grace: -1}, nil, nil, silent)
	want := "reconcile.rate: must be above 0\nreconcile.grace: must not be negative"
	if fmt.Sprint(err) != want {
		t.Errorf("Run says %v, want %s", err, want)
	}
}
