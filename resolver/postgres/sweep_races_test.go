package postgres_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// ofAMinute has the operations of a store outlast a busy machine.
func ofAMinute(cfg *postgres.Config) { cfg.PageTimeout = time.Minute }

// cameBack has a row name a file again, as one that is restored from a backup.
const cameBack = `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
	VALUES (now(), now(), $1, 'small', 240, 1, 1, '2026-06-01 12:00Z', 1)`

// The row of a file went between the file's claim by a sweep and the sweep's last look: the
// file was deleted at once, with none of its time over. Its claim may end later than its
// time, which then does not move.
func TestFilesWhoseRowsGoDuringASweepHaveTheirTime(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]struct {
		rows  func(store) *postgres.Table
		id    thumb.ID
		key   func(thumb.ID, uint64) string
		named string                                  // the row that comes back
		goes  func(store, time.Duration) (any, error) // and how it goes
	}{
		"replaced": {func(s store) *postgres.Table { return s.Table }, 1, key, cameBack, func(s store, after time.Duration) (any, error) {
			return s.Upsert(context.Background(), 1, []thumb.Row{row("small", key(1, 3), 240, noon)}, after)
		}},
		"a draft's": {func(s store) *postgres.Table { return s.Table }, 1, key, cameBack, func(s store, after time.Duration) (any, error) {
			n, _, err := s.RemovePublic(context.Background(), 1, 0, 100, after)
			return n, err
		}},
		"an orphan's": {func(s store) *postgres.Table { return s.Private() }, 11, draftKey, `INSERT INTO thumbedge.private_thumbnail (source_image_id, label, path, width, height, size, created_at, updated_at)
			VALUES (11, 'small', $1, 240, 1, 1, now(), now())`, func(s store, after time.Duration) (any, error) {
			n, _, err := s.Private().RemoveOrphans(context.Background(), 0, 100, after)
			return n, err
		}},
	} {
		for _, after := range []time.Duration{time.Minute, time.Hour} { // a claim is of five minutes
			t.Run(name+" "+after.String(), func(t *testing.T) {
				t.Parallel()
				url, app := migrated(t)
				s := newStore(t, url, withPrivate, ofAMinute)
				rows := gone.rows(s)
				files := []string{gone.key(gone.id, 1), gone.key(gone.id, 2)}
				if err := rows.Discard(t.Context(), gone.id, files, 0); err != nil {
					t.Fatal(err)
				}
				if name == "a draft's" {
					exec(t, app, `UPDATE main_project SET draft = true; INSERT INTO thumbedge.draft_project (project_id, since, due) VALUES (1, now() - interval '2 hours', now())`)
				}
				var removed, other []string
				forgot, err := rows.Sweep(t.Context(), 100, func(_ context.Context, _ thumb.ID, path string) error {
					if removed = append(removed, path); len(removed) > 1 {
						return nil
					}
					other = slices.DeleteFunc(slices.Clone(files), func(file string) bool { return file == path })
					exec(t, app, gone.named, other[0])
					if n, err := gone.goes(s, after); err != nil {
						t.Errorf("%v, %v", n, err)
					}
					return nil
				})
				if forgot != 1 || len(removed) != 1 || err != nil {
					t.Errorf("removed %v, forgot %d, %v; want one of the files, and the other left alone", removed, forgot, err)
				}
				inTime := ask[int](t, app, `SELECT count(*) FROM (SELECT * FROM thumbedge.file_to_delete UNION ALL SELECT * FROM thumbedge.private_file_to_delete) AS f
					WHERE path = ANY ($1) AND due > now() + make_interval(secs => $2)`, other, after.Seconds()-30)
				if inTime != 1 {
					t.Errorf("%v is not left for its time", other)
				}
			})
		}
	}
}

// The row of a file went between a sweep's last look, which found the file named, and its
// forgetting of what it had claimed: the record that the going row made was forgotten with
// it, and nobody would ever have deleted the file.
func TestRecordOfAFileWhoseRowGoesDuringASweepStays(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s, locker := newStore(t, url, ofAMinute), connect(t, url)
	files := []string{key(1, 1), key(1, 2)}
	if err := s.Discard(t.Context(), 1, files, 0); err != nil {
		t.Fatal(err)
	}
	claimed, goOn, swept, replaced := make(chan string), make(chan struct{}), make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Sweep(t.Context(), 100, func(_ context.Context, _ thumb.ID, path string) error {
			claimed <- path
			<-goOn
			return nil
		})
		swept <- err
	}()
	first := <-claimed
	named := slices.DeleteFunc(files, func(file string) bool { return file == first })[0]
	exec(t, app, cameBack, named)
	exec(t, locker, `BEGIN`)
	exec(t, locker, `SELECT FROM thumbedge.file_to_delete WHERE path = $1 FOR UPDATE`, named)
	go func() {
		_, err := s.Upsert(t.Context(), 1, []thumb.Row{row("small", key(1, 3), 240, noon)}, time.Hour)
		replaced <- err
	}()
	eventually.Holds(t, "the row is about to go", func() bool { return waiting(t, app) == 1 })
	close(goOn)
	eventually.Holds(t, "the sweep forgets the file, which it found named", func() bool { return waiting(t, app) == 2 })
	exec(t, locker, `COMMIT`)
	if err := <-replaced; err != nil {
		t.Error(err)
	}
	if err := <-swept; err != nil {
		t.Error(err)
	}
	if left := recorded(t, app); !slices.Equal(left, []string{named}) {
		t.Errorf("recorded are %v, want %s", left, named)
	}
}
