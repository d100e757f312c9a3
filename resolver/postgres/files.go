package postgres

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// recordSQL records files for deletion. One that is recorded already keeps its
// time: a key is used once, so the first word about it is right.
const recordSQL = `
INSERT INTO {files} (path, capture_id, due)
SELECT path, $2, clock_timestamp() + make_interval(secs => $3) FROM unnest($1::text[]) AS path
ON CONFLICT (path) DO NOTHING`

// claimSQL claims files by moving the time at which they are due. That time is the
// claim's end as well as that of the next try, so a replica that dies meanwhile,
// or a removal that fails, needs no clearing up. SKIP LOCKED keeps two replicas
// that claim at once from waiting for each other; each looks at a row's due time
// once more when it has its lock.
//
// The tries are what a claim goes by: whoever records anew a file whose row has gone only
// now sets them to 0, which ends the claim. Its due time may not tell: it stays where the
// claim's end is later than the file's new time.
const claimSQL = `
UPDATE {files} f
SET due = clock_timestamp() + make_interval(secs => $2 * power(2, least(f.tries, 8))), tries = f.tries + 1
FROM (
	SELECT path FROM {files} WHERE due <= clock_timestamp()
	ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED
) claimed
WHERE f.path = claimed.path
RETURNING f.capture_id, f.path, f.tries`

// lastLookSQL says of a claimed file whether the claim still holds, and whether a row names
// the file: both at one moment. A row that goes in between would be missed by either alone.
const lastLookSQL = `
SELECT EXISTS (SELECT FROM {files} WHERE path = $1 AND tries = $2),
	EXISTS (SELECT FROM {thumbnail} WHERE source_image_id = $3 AND path = $1)`

// claim is how long a sweep has its files to itself at least; it hands none out
// after half of it.
const claim = 5 * time.Minute

// Discard records files for deletion after a delay. It refuses one that does not
// lie in its capture's folder. Without schema thumbedge it does nothing: the files
// are left for reconcile.
func (t *Table) Discard(ctx context.Context, id thumb.ID, paths []string, after time.Duration) error {
	for _, path := range paths {
		if !t.ours(id, path) {
			return fmt.Errorf("recording a file for deletion: %q is not in the folder of capture %d", path, id)
		}
	}
	return t.run(ctx, "discard", "recording files for deletion", func(ctx context.Context, conn *pgxpool.Conn) error {
		return t.either(ctx, conn, func() error {
			_, err := conn.Exec(ctx, t.sql(recordSQL), paths, int64(id), after.Seconds())
			return err
		}, func() error { return nil })
	})
}

// Sweep claims up to limit files whose time has come, hands each that no row names
// to remove, right after that last look, and forgets those that were removed or
// are named. Two replicas never get the same file. A file that was recorded anew since it
// was claimed is left alone until its new time. It returns how many it forgot;
// a file whose removal failed is tried again later, ever less often. The error is
// the first that remove returned, as it is, or wraps thumb.ErrDatabase.
//
// No connection is held while remove runs.
func (t *Table) Sweep(ctx context.Context, limit int, remove func(ctx context.Context, id thumb.ID, path string) error) (forgot int, err error) {
	ctx, cancel := context.WithTimeout(ctx, claim/2)
	defer cancel()
	var files []claimed
	err = t.run(ctx, "sweep", "claiming files to delete", func(ctx context.Context, conn *pgxpool.Conn) error {
		return t.either(ctx, conn, func() (err error) {
			files, err = t.claimFiles(ctx, conn, limit)
			return err
		}, func() error { return nil })
	})
	for _, f := range files {
		if ctx.Err() != nil {
			return forgot, cmp.Or(err, ctx.Err())
		}
		gone, failed := t.sweepOne(ctx, f, remove)
		if gone {
			forgot++
		}
		err = cmp.Or(err, failed)
	}
	return forgot, err
}

// claimed is a file that this sweep has to itself.
type claimed struct {
	CaptureID thumb.ID
	Path      string
	Tries     int
}

func (t *Table) claimFiles(ctx context.Context, conn *pgxpool.Conn, limit int) ([]claimed, error) {
	// In passing, the leases of replicas that died, on captures that nobody has
	// asked for since.
	if _, err := conn.Exec(ctx, `DELETE FROM thumbedge.lease WHERE until < clock_timestamp() - interval '1 minute'`); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, t.sql(claimSQL), limit, claim.Seconds())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[claimed])
}

func (t *Table) sweepOne(ctx context.Context, f claimed, remove func(context.Context, thumb.ID, string) error) (gone bool, err error) {
	held, named := true, !t.ours(f.CaptureID, f.Path)
	if !named {
		err = t.run(ctx, "sweep", "looking whether a row names a file", func(ctx context.Context, conn *pgxpool.Conn) error {
			return conn.QueryRow(ctx, t.sql(lastLookSQL), f.Path, f.Tries, int64(f.CaptureID)).Scan(&held, &named)
		})
	}
	if err != nil || !held {
		return false, err
	}
	if !named {
		if err := remove(ctx, f.CaptureID, f.Path); err != nil {
			return false, fmt.Errorf("removing %s: %w", f.Path, err)
		}
	}
	err = t.run(ctx, "sweep", "forgetting a deleted file", func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, t.sql(`DELETE FROM {files} WHERE path = $1 AND tries = $2`), f.Path, f.Tries)
		return err
	})
	return err == nil, err
}

// ours says whether path lies in the capture's folder, so that thumbedge may
// delete it. Anything else is left for people, or for reconcile to report.
func (t *Table) ours(id thumb.ID, path string) bool {
	var buf [256]byte
	folder := string(t.keys.AppendFolder(buf[:0], id))
	name, inside := strings.CutPrefix(path, folder)
	return inside && name != "" && !strings.Contains(name, "/")
}
