package reconcile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// meanwhile is a site's real parts, with something happening after a call of one.
type meanwhile struct {
	reconcile.Database
	imaging.Storage
	afterNamed, afterRecorded, afterExists func()
}

func (m *meanwhile) Recorded(ctx context.Context, paths []string) (map[string]bool, error) {
	recorded, err := m.Database.Recorded(ctx, paths)
	if m.afterRecorded != nil {
		m.afterRecorded()
	}
	return recorded, err
}

func (m *meanwhile) Named(ctx context.Context, paths []string) (map[string]bool, error) {
	named, err := m.Database.Named(ctx, paths)
	if m.afterNamed != nil {
		m.afterNamed()
	}
	return named, err
}

func (m *meanwhile) Exists(ctx context.Context, key string) (bool, error) {
	exists, err := m.Storage.Exists(ctx, key)
	if m.afterExists != nil {
		m.afterExists()
	}
	return exists, err
}

func (s *site) runMeanwhile(m meanwhile) reconcile.Summary {
	s.Helper()
	m.Database, m.Storage = s.store, s.storage
	summary, err := reconcile.Run(s.Context(), s.cfg, &m, &m, silent)
	if err != nil {
		s.Fatal(err)
	}
	return summary
}

// once returns do, which happens at the first call only.
func once(do func()) func() {
	var done atomic.Bool
	return func() {
		if done.CompareAndSwap(false, true) {
			do()
		}
	}
}

// Serve writes the row of a file between the first look at the rows and the
// deletion.
func TestRowWrittenMeanwhileKeepsItsFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.oldFiles(orphan)
	s.cfg.Apply = true
	got := s.runMeanwhile(meanwhile{afterNamed: once(func() { s.row(1, "small", orphan, 240) })})
	if got.FilesUnnamed != 1 || got.FilesDeleted != 0 {
		t.Errorf("found %+v", got)
	}
	if diff := cmp.Diff([]string{orphan}, s.stored()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// The app writes a file anew under its old key, and has not written the row yet.
func TestFileWrittenAnewMeanwhileStays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.oldFiles(orphan)
	s.cfg.Apply = true
	got := s.runMeanwhile(meanwhile{afterNamed: once(func() {
		now := time.Now()
		if err := os.Chtimes(filepath.Join(s.root, orphan), now, now); err != nil {
			t.Error(err)
		}
	})})
	if got.FilesUnnamed != 1 || got.FilesDeleted != 0 {
		t.Errorf("found %+v", got)
	}
}

// Serve renders anew between the look at the file and the removal of the row.
func TestRowThatNamesAnotherFileMeanwhileStays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.row(1, "small", gone, 240)
	s.cfg.Apply = true
	got := s.runMeanwhile(meanwhile{afterExists: once(func() {
		s.files(kept)
		s.exec(`UPDATE main_sourceimagethumbnail SET path = $1`, kept)
	})})
	if got.RowsFileGone != 1 || got.RowsRemoved != 0 {
		t.Errorf("found %+v", got)
	}
	if diff := cmp.Diff([]string{kept}, s.paths()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// The file is back at the second look.
func TestFileThatComesBackMeanwhileKeepsItsRow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.row(1, "small", gone, 240)
	s.cfg.Apply = true
	got := s.runMeanwhile(meanwhile{afterExists: once(func() { s.files(gone) })})
	if got.RowsFileGone != 1 || got.RowsRemoved != 0 {
		t.Errorf("found %+v", got)
	}
}

// cut ends a run's context in a portion: rows are read, and nothing is remembered
// of them.
type cut struct {
	reconcile.Database
	calls, at int
	cancel    context.CancelFunc
	afters    []int64
}

func (c *cut) Rows(ctx context.Context, after int64, limit int) ([]postgres.StoredRow, error) {
	c.afters = append(c.afters, after)
	if c.calls++; c.calls == c.at {
		c.cancel()
	}
	return c.Database.Rows(ctx, after, limit)
}

func TestResumes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exec(`INSERT INTO main_sourceimage (id, path) SELECT g, 'o.jpg' FROM generate_series(1, 1200) g`)
	s.exec(`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		SELECT now(), now(), 'thumbnails/capture_' || id || '/small.jpg', 'small', 240, 1, 1, id FROM main_sourceimage ORDER BY id`)
	s.files("thumbnails/capture_700/small.jpg")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := &cut{Database: s.store, at: 2, cancel: cancel}
	if _, err := reconcile.Run(ctx, s.cfg, first, s.storage, silent); !errors.Is(err, context.Canceled) {
		t.Fatalf("the run that was cut off says %v", err)
	}
	second := &cut{Database: s.store}
	got, err := reconcile.Run(t.Context(), s.cfg, second, s.storage, silent)
	if err != nil {
		t.Fatal(err)
	}
	if second.afters[0] != 500 || !got.Resumed || got.Rows != 1200 || got.RowsFileGone != 1199 || got.FilesNamed != 1 {
		t.Errorf("went on after row %d and found %+v", second.afters[0], got)
	}

	third := &cut{Database: s.store}
	if got, err = reconcile.Run(t.Context(), s.cfg, third, s.storage, silent); err != nil {
		t.Fatal(err)
	}
	if third.afters[0] != 0 || got.Resumed {
		t.Errorf("after a whole run the next began at row %d", third.afters[0])
	}
}

func TestRestartAndOtherFlagsBeginAnew(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*reconcile.Config){
		"restart": func(c *reconcile.Config) { c.Restart = true },
		"apply":   func(c *reconcile.Config) { c.Apply = true },
		"since":   func(c *reconcile.Config) { c.SinceText = "36h" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.row(1, "small", kept, 240)
			s.files(kept)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := reconcile.Run(ctx, s.cfg, &cut{Database: s.store, at: 2, cancel: cancel}, s.storage, silent); err == nil {
				t.Fatal("the run was not cut off")
			}
			change(&s.cfg)
			if got := s.run(s.cfg); got.Resumed || got.Rows != 1 {
				t.Errorf("found %+v", got)
			}
		})
	}
}
