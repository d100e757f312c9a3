package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// takeSQL takes a lease on a capture that exists, or finds that it can't. All time
// is the database's clock, read when the row is in hand: a wait for its lock counts.
const takeSQL = `
INSERT INTO thumbedge.lease AS l (capture_id, holder, until)
SELECT c.id, $2, clock_timestamp() + make_interval(secs => $3) FROM {capture} c, ` + unsynced + ` WHERE c.id = $1
ON CONFLICT (capture_id) DO UPDATE
SET holder = excluded.holder, until = clock_timestamp() + make_interval(secs => $3)
WHERE l.holder = excluded.holder OR l.until <= clock_timestamp()`

// workSQL reads what there is to work from: a row for each thumbnail row, one at
// least.
var workSQL = workColumns("0::bigint") + `LEFT JOIN {thumbnail} t ON t.source_image_id = c.id
LEFT JOIN `

// draftWorkSQL does so where drafts are told from other captures that are not public.
var draftWorkSQL = workColumns("CASE WHEN p.draft THEN p.id::bigint ELSE 0 END") + `LEFT JOIN LATERAL (` +
	rowsOfEither("label::text, path::text, width::bigint, height::bigint, size::bigint, last_modified::timestamptz, updated_at::timestamptz") + `) t ON true
LEFT JOIN `

func workColumns(draftOf string) string {
	return `
SELECT ` + draftOf + `, ` + readable("c.last_modified") + `, coalesce(NOT p.draft, false), coalesce(c.path::text, ''), coalesce(c.public_base_url::text, ''),
	coalesce(s.access_key, '') <> '' AND coalesce(s.secret_key, '') <> '' AND coalesce(s.public_base_url, '') = '',
	coalesce(s.bucket::text, ''), coalesce(s.region::text, ''), coalesce(s.prefix::text, ''),
	coalesce(s.access_key::text, ''), coalesce(s.secret_key::text, ''), coalesce(s.endpoint_url::text, ''),
	clock_timestamp(), coalesce(extract(epoch FROM l.until - clock_timestamp()), 0)::float8,
	t.label::text, coalesce(t.path::text, ''), coalesce(t.width::bigint, 0), coalesce(t.height::bigint, 0), coalesce(t.size::bigint, 0),
	` + readable("t.last_modified") + `, ` + readable("t.updated_at") + `
FROM {capture} c
LEFT JOIN {project} p ON p.id = c.project_id
LEFT JOIN {deployment} d ON d.id = c.deployment_id
LEFT JOIN {data_source} s ON s.id = d.data_source_id
`
}

func workOf(drafts bool) string {
	if drafts {
		return draftWorkSQL
	}
	return workSQL
}

const (
	leaseOfCapture = `thumbedge.lease l ON l.capture_id = c.id WHERE c.id = $1`
	noLease        = `(SELECT NULL::timestamptz AS until) l ON true WHERE c.id = $1`
)

// Lease takes the lease on a capture for holder, for ttl, and reads the capture,
// its rows and its original.
//
// A capture that does not exist is thumb.ErrUnknownCapture, and leaves no lease.
// Without schema thumbedge the lease is always held.
func (s *Store) Lease(ctx context.Context, id thumb.ID, holder string, ttl time.Duration) (thumb.Work, error) {
	var work thumb.Work
	err := s.run(ctx, "lease", "taking the lease on a capture", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.either(ctx, conn, func() error {
			return s.withDrafts(func(drafts bool) (err error) {
				work, err = s.takeLease(ctx, conn, id, holder, ttl, drafts)
				return err
			})
		}, func() (err error) {
			work, err = s.workWithoutLease(ctx, conn, id)
			work.Held = true
			return err
		})
	})
	if errors.Is(err, thumb.ErrUnknownCapture) && work.Held { // it went while we waited for the lease
		_ = s.Release(context.WithoutCancel(ctx), id, holder) // else it lapses
	}
	if err != nil {
		return thumb.Work{}, err
	}
	if work.Held {
		work.HeldFor = 0
	}
	return work, nil
}

// takeLease is one transaction of two statements, in one round trip.
//
// They are two for the sake of what the second sees. A statement sees what was
// committed before it began, so a single one that had to wait for the lease, or
// began just before another replica released it, would take the lease and report
// the rows as they were before that replica wrote its own, and the original would
// be fetched and rendered once more. The second statement begins after the lease
// is ours: whoever held it wrote before letting go. What it reads as the capture's
// version is read under the lease, before the fetch. All that needs the isolation
// level named, whatever the role's default is.
func (s *Store) takeLease(ctx context.Context, conn *pgxpool.Conn, id thumb.ID, holder string, ttl time.Duration, drafts bool) (work thumb.Work, err error) {
	batch := new(pgx.Batch)
	batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	batch.Queue(s.sql(takeSQL), int64(id), holder, ttl.Seconds())
	batch.Queue(s.sql(workOf(drafts)+leaseOfCapture), int64(id))
	batch.Queue(`COMMIT`)
	results := conn.SendBatch(ctx, batch)
	work, err = readLease(id, results)
	if failed := results.Close(); failed != nil {
		err = failed // of whichever statement, COMMIT too
	}
	if err != nil && !errors.Is(err, thumb.ErrUnknownCapture) {
		// The transaction may be open still: the connection must not be used in it.
		_, _ = conn.Exec(ctx, `ROLLBACK`)
		return thumb.Work{}, err
	}
	return work, err
}

// readLease reads the results of takeLease's statements, but COMMIT's.
func readLease(id thumb.ID, results pgx.BatchResults) (work thumb.Work, err error) {
	if _, err := results.Exec(); err != nil { // BEGIN
		return thumb.Work{}, err
	}
	taken, err := results.Exec()
	if err != nil {
		return thumb.Work{}, err
	}
	rows, err := results.Query()
	if err != nil {
		return thumb.Work{}, err
	}
	work, err = readWork(id, rows)
	work.Held = taken.RowsAffected() == 1
	return work, err
}

func readWork(id thumb.ID, rows pgx.Rows) (thumb.Work, error) {
	work := thumb.Work{Capture: thumb.Capture{ID: id}}
	var (
		bucket                       thumb.Bucket
		signed                       bool // the original is in a bucket that needs keys
		modified, rowTime, updatedAt *time.Time
		left                         float64
		label                        *string
		row                          thumb.Row
	)
	tag, err := pgx.ForEachRow(rows, []any{
		&work.Capture.Project, &modified, &work.Capture.Public, &work.Original.Path, &work.Original.PublicBaseURL,
		&signed, &bucket.Name, &bucket.Region, &bucket.Prefix, &bucket.AccessKey, &bucket.SecretKey, &bucket.EndpointURL,
		&work.Now, &left, &label, &row.Path, &row.Width, &row.Height, &row.Size, &rowTime, &updatedAt,
	}, func() error {
		if label != nil {
			row.Label, row.LastModified, row.UpdatedAt = *label, moment(rowTime), moment(updatedAt)
			work.Capture.Draft = work.Capture.Project != 0
			work.Capture.AddRow(row)
		}
		return nil
	})
	if err != nil {
		return work, err
	}
	if tag.RowsAffected() == 0 {
		return work, thumb.ErrUnknownCapture
	}
	work.Capture.Draft, work.Capture.LastModified = work.Capture.Project != 0, moment(modified)
	if signed {
		work.Original.Bucket = &bucket
	}
	work.HeldFor = max(0, time.Duration(left*float64(time.Second)))
	return work, nil
}

// Prolong extends a lease that holder still has; held is false where it was lost.
func (s *Store) Prolong(ctx context.Context, id thumb.ID, holder string, ttl time.Duration) (held bool, err error) {
	err = s.run(ctx, "prolong", "prolonging the lease on a capture", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.either(ctx, conn, func() error {
			tag, err := conn.Exec(ctx, `UPDATE thumbedge.lease SET until = clock_timestamp() + make_interval(secs => $3)
				FROM `+unsynced+` WHERE capture_id = $1 AND holder = $2`, int64(id), holder, ttl.Seconds())
			held = tag.RowsAffected() == 1
			return err
		}, func() error {
			held = true
			return nil
		})
	})
	return held, err
}

// Release gives up a lease that holder still has, and does nothing otherwise.
func (s *Store) Release(ctx context.Context, id thumb.ID, holder string) error {
	return s.run(ctx, "release", "releasing the lease on a capture", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.either(ctx, conn, func() error {
			_, err := conn.Exec(ctx, `DELETE FROM thumbedge.lease USING `+unsynced+` WHERE capture_id = $1 AND holder = $2`, int64(id), holder)
			return err
		}, func() error { return nil })
	})
}
