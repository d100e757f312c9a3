package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The three statements of an upsert. The first locks the row that is there and
// judges it, so that nobody changes it between that and the second.
const (
	lockRowSQL = `
SELECT id, path, path <> '' AND width = $3 AND coalesce(last_modified > $4, false)
FROM {thumbnail} WHERE source_image_id = $1 AND label = $2 FOR UPDATE`

	updateRowSQL = `
UPDATE {thumbnail} SET path = $2, width = $3, height = $4, size = $5, last_modified = $6, updated_at = clock_timestamp()
WHERE id = $1`

	insertRowSQL = `
INSERT INTO {thumbnail} (created_at, updated_at, source_image_id, label, path, width, height, size, last_modified)
VALUES (clock_timestamp(), clock_timestamp(), $1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (source_image_id, label) DO NOTHING`
)

// Upsert writes the row of a stored file, unless one with a path, the same width
// and a strictly later LastModified is there. The file that no row names after it
// (the old row's, or the caller's where it is refused) is recorded for deletion
// after deleteAfter, in the same transaction. A row that is overwritten keeps its
// primary key and created_at. Where the file of the row was recorded for deletion
// before it was stored, that record goes: a file that is named is in no danger, and
// one that is replaced later has all of its time from then on.
//
// The path that is replaced is read under the row's lock, so that of any number of
// writers at once, the app among them, each records the one file that it replaced
// and none is orphaned.
//
// A capture that is gone is thumb.ErrUnknownCapture; the foreign key that says so
// is deferred, so it may fire at COMMIT. The caller's file is then recorded in a
// transaction of its own. After any other error the row may have been written all
// the same (an answer to COMMIT can get lost): the file must stay.
func (s *Store) Upsert(ctx context.Context, id thumb.ID, row thumb.Row, deleteAfter time.Duration) (up thumb.Upserted, err error) {
	err = s.run(ctx, "upsert", "upserting a thumbnail row", func(ctx context.Context) error {
		write := func(record bool) func() error {
			return func() error {
				return s.transact(ctx, func(tx pgx.Tx) error {
					unnamed, err := s.upsertRow(ctx, tx, id, row, &up)
					if err != nil || !record {
						return err
					}
					if up.Won {
						if _, err := tx.Exec(ctx, unrecordSQL, row.Path); err != nil {
							return err
						}
					}
					if !s.ours(id, unnamed) {
						return nil
					}
					_, err = tx.Exec(ctx, recordSQL, unnamed, int64(id), deleteAfter.Seconds())
					return err
				})
			}
		}
		err := s.either(ctx, write(true), write(false))
		if hasCode(err, foreignKeyViolation) {
			return thumb.ErrUnknownCapture
		}
		return err
	})
	if errors.Is(err, thumb.ErrUnknownCapture) {
		// The caller may be about to leave; the file must not be forgotten for that.
		if lost := s.Discard(context.WithoutCancel(ctx), id, row.Path, deleteAfter); lost != nil {
			s.log.Warn("file of a deleted capture is left for reconcile", "capture", id, "path", row.Path, "error", lost)
		}
	}
	if err != nil {
		return thumb.Upserted{}, err
	}
	return up, nil
}

// upsertRow says in up what became of the row, and returns the path that no row
// names any more, "" where there is none.
func (s *Store) upsertRow(ctx context.Context, tx pgx.Tx, id thumb.ID, row thumb.Row, up *thumb.Upserted) (unnamed string, err error) {
	version := nullable(row.LastModified)
	// A row that appears or goes between two statements sends it round again.
	for {
		var key int64
		var old string
		var newer bool
		err := tx.QueryRow(ctx, s.sql(lockRowSQL), int64(id), row.Label, row.Width, version).Scan(&key, &old, &newer)
		switch {
		case err == nil && newer:
			*up = thumb.Upserted{Path: old}
			return row.Path, nil
		case err == nil:
			_, err = tx.Exec(ctx, s.sql(updateRowSQL), key, row.Path, row.Width, row.Height, row.Size, version)
			if old == row.Path {
				old = ""
			}
			*up = thumb.Upserted{Path: row.Path, Won: true}
			return old, err
		case !errors.Is(err, pgx.ErrNoRows):
			return "", err
		}
		tag, err := tx.Exec(ctx, s.sql(insertRowSQL), int64(id), row.Label, row.Path, row.Width, row.Height, row.Size, version)
		if err != nil {
			return "", err
		}
		if tag.RowsAffected() == 1 {
			*up = thumb.Upserted{Path: row.Path, Won: true}
			return "", nil
		}
	}
}

// ours says whether path lies in the capture's folder, so that thumbedge may
// delete it. Anything else is left for people, or for reconcile to report.
func (s *Store) ours(id thumb.ID, path string) bool {
	var buf [256]byte
	folder := string(s.keys.AppendFolder(buf[:0], id))
	name, inside := strings.CutPrefix(path, folder)
	return inside && name != "" && !strings.Contains(name, "/")
}
