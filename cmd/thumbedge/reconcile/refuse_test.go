package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// manyFiles stores the files of so many captures, and makes them old but for the first
// few.
func (s *site) manyFiles(n, young int) {
	s.Helper()
	keys := make([]string, n)
	group, ctx := errgroup.WithContext(s.Context())
	group.SetLimit(8)
	for i := range keys {
		keys[i] = string(thumb.Keys("thumbnails/").Append(nil, thumb.ID(i+1), "small", 7))
		group.Go(func() error { return s.storage.Put(ctx, keys[i], []byte("jpeg")) })
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
	s.age(keys[young:]...)
}

// manyRows inserts the rows that name the files of captures from to to.
func (s *site) manyRows(from, to int) {
	s.Helper()
	s.exec(`INSERT INTO main_sourceimage (id, path) SELECT g, 'o.jpg' FROM generate_series($1::int, $2::int) g`, from, to)
	s.exec(`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		SELECT now(), now(), 'thumbnails/capture_' || g || '/small_0000000000000007.jpg', 'small', 240, 1, 1, g
		FROM generate_series($1::int, $2::int) g`, from, to)
}

// refused runs with --apply and returns why it was refused, "" where it was not.
func (s *site) refused(cfg reconcile.Config) (reconcile.Summary, string) {
	s.Helper()
	summary, err := reconcile.Run(s.Context(), cfg, s.store, s.storage, silent)
	var refused *reconcile.RefusedError
	switch {
	case errors.As(err, &refused):
		return summary, refused.Error()
	case err != nil:
		s.Fatal(err)
	}
	return summary, ""
}

// A wrong bucket must not cost the rows, nor a wrong database the files, whatever
// happens to match: no number of rows or files is special.
func TestLargeShareIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files, young int // stored, and of these within the grace
		from, to     int // rows
		rows, gone   int64
		refused      string // "": it is not
	}{
		"a database of another site":                   {600, 1, 0, -1, 0, 599, "no row names 599 of the 599 files"},
		"a database of another site, most files young": {100, 70, 0, -1, 0, 30, "no row names 30 of the 30 files"},
		"a storage of another site":                    {1, 0, 1, 700, 699, 0, "the files of 699 of the 700 rows"},
		"an empty storage":                             {0, 0, 1, 30, 30, 0, "the files of 30 of the 30 rows"},
		"an empty database":                            {30, 0, 0, -1, 0, 30, "no row names 30 of the 30 files"},
		"both of them of other sites":                  {300, 0, 301, 600, 300, 300, "and no row names"},
		"few":                                          {20, 0, 0, -1, 0, 20, ""},
		"a small share":                                {250, 0, 1, 225, 0, 25, ""},
		"just above a small share":                     {251, 0, 1, 225, 0, 26, "no row names 26 of the 251 files"},
		"a small share of the rows":                    {225, 0, 1, 250, 25, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.manyFiles(c.files, c.young)
			s.manyRows(c.from, c.to)
			files, paths := s.stored(), s.paths()
			dry := s.run(s.cfg)
			if dry.RowsFileGone != c.rows || dry.FilesUnnamed != c.gone || !strings.Contains(strings.ToLower(dry.Refused), c.refused) || (dry.Refused == "") != (c.refused == "") {
				t.Errorf("a dry run found %+v", dry)
			}
			s.cfg.Apply = true
			got, why := s.refused(s.cfg)
			if c.refused == "" {
				if why != "" || got.RowsRemoved != c.rows || got.FilesDeleted != c.gone {
					t.Errorf("it says %q and did %+v", why, got)
				}
				return
			}
			way := fmt.Sprintf("--apply --force %d removes these %d rows and %d files", c.rows+c.gone, c.rows, c.gone)
			if !strings.Contains(why, dry.Refused) || !strings.Contains(why, way) {
				t.Errorf("it says %q, and not %q", why, way)
			}
			if diff := cmp.Diff(files, s.stored()) + cmp.Diff(paths, s.paths()); diff != "" {
				t.Errorf("it was refused, and changed:\n%s", diff)
			}
			// What was refused is not gone on with: the cause may have been mended.
			if again := s.run(reconcile.Config{Specs: s.cfg.Specs, Keys: s.cfg.Keys, Rate: s.cfg.Rate, Grace: s.cfg.Grace}); again.Resumed {
				t.Errorf("the next run went on with it: %+v", again)
			}
		})
	}
}

// TestForceNamesTheNumber: --force is for what was seen, and for no more.
func TestForceNamesTheNumber(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manyFiles(50, 0)
	s.manyRows(31, 80)
	s.cfg.Apply, s.cfg.Force = true, 59
	if got, why := s.refused(s.cfg); !strings.Contains(why, "30 rows and 30 files would go, 60 together") || got.RowsRemoved+got.FilesDeleted != 0 {
		t.Errorf("above --force it says %q and did %+v", why, got)
	}
	s.cfg.Force = 60
	if got, why := s.refused(s.cfg); why != "" || got.RowsRemoved != 30 || got.FilesDeleted != 30 {
		t.Errorf("with --force it says %q and did %+v", why, got)
	}
	if files, rows := len(s.stored()), len(s.paths()); files != 20 || rows != 20 {
		t.Errorf("%d files and %d rows are left, want 20 and 20", files, rows)
	}
	if n := s.number(`SELECT count(*) FROM thumbedge.reconcile WHERE name LIKE 'reconcile_list%'`); n != 0 {
		t.Errorf("%d lists are left", n)
	}
}

// cutAt ends a run's context when so many rows are to be removed.
type cutAt struct {
	reconcile.Database
	left   atomic.Int64
	cancel context.CancelFunc
}

func (c *cutAt) DeleteRow(ctx context.Context, id int64, path string) (bool, error) {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
	return c.Database.DeleteRow(ctx, id, path)
}

// TestRunThatIsCutOffIsJudgedWhole: a run that was cut off after it had seen most of
// what would go is refused as one in one piece is, and one that was cut off while it
// removed goes on with what it had found.
func TestRunThatIsCutOffIsJudgedWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manyRows(1, 1200)
	s.manyFiles(1, 0)
	s.cfg.Apply = true
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := reconcile.Run(ctx, s.cfg, &cut{Database: s.store, at: 3, cancel: cancel}, s.storage, silent); !errors.Is(err, context.Canceled) {
		t.Fatalf("the run that was cut off says %v", err)
	}
	got, why := s.refused(s.cfg)
	if !got.Resumed || !strings.Contains(why, "1199 of the 1200") {
		t.Errorf("it says %q and found %+v", why, got)
	}

	s.cfg.Force = 1199
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	removing := &cutAt{Database: s.store, cancel: cancel}
	removing.left.Store(700)
	if _, err := reconcile.Run(ctx, s.cfg, removing, s.storage, silent); !errors.Is(err, context.Canceled) {
		t.Fatalf("the run that was cut off while it removed says %v", err)
	}
	got, why = s.refused(s.cfg)
	if why != "" || !got.Resumed || got.RowsFileGone != 1199 || len(s.paths()) != 1 {
		t.Errorf("it says %q, left %d rows, and found %+v", why, len(s.paths()), got)
	}
}

// TestAnotherStorageIsLookedAtAnew: what a run that was cut off had found in another
// bucket says nothing of this one.
func TestAnotherStorageIsLookedAtAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manyRows(1, 600)
	s.cfg.Place = "the wrong bucket"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := reconcile.Run(ctx, s.cfg, &cut{Database: s.store, at: 2, cancel: cancel}, s.storage, silent); err == nil {
		t.Fatal("the run was not cut off")
	}
	s.manyFiles(600, 0)
	s.cfg.Place = "the right one"
	if got := s.run(s.cfg); got.Resumed || got.RowsFileGone != 0 {
		t.Errorf("found %+v", got)
	}
}

// TestApplyNeedsTheSchema: what was found has to be kept somewhere.
func TestApplyNeedsTheSchema(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.oldFiles(orphan)
	s.exec(`DROP SCHEMA thumbedge CASCADE`)
	s.cfg.Apply = true
	if _, err := reconcile.Run(t.Context(), s.cfg, s.store, s.storage, silent); err == nil || !strings.Contains(err.Error(), "thumbedge migrate up") {
		t.Errorf("it says %v", err)
	}
	if len(s.stored()) != 1 {
		t.Error("the file is gone")
	}
	s.cfg.Apply = false
	if got := s.run(s.cfg); got.FilesUnnamed != 1 {
		t.Errorf("a dry run found %+v", got)
	}
}

// A file that lost its row after it was looked at is one that a page may still name.
func TestFileRecordedMeanwhileStays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.oldFiles(orphan)
	s.cfg.Apply = true
	got := s.runMeanwhile(meanwhile{afterRecorded: once(func() {
		s.exec(`INSERT INTO thumbedge.file_to_delete (path, capture_id, due) VALUES ($1, 1, $2)`, orphan, time.Now().Add(time.Hour))
	})})
	if got.FilesUnnamed != 1 || got.FilesDeleted != 0 {
		t.Errorf("found %+v", got)
	}
}
