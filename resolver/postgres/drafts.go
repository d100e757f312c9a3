package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// seeDraftsSQL takes note of the projects that are drafts by now, and forgets those that
// are none any more: one that becomes a draft again begins anew.
const seeDraftsSQL = `
WITH forgotten AS (
	DELETE FROM thumbedge.draft_project d WHERE NOT EXISTS (SELECT FROM {project} p WHERE p.id = d.project_id AND p.draft)
)
INSERT INTO thumbedge.draft_project (project_id, since, due)
SELECT p.id, clock_timestamp(), clock_timestamp() + make_interval(secs => $1) FROM {project} p WHERE p.draft
ON CONFLICT (project_id) DO NOTHING`

// claimDraftSQL claims a draft whose public thumbnails are to be looked for, by moving the
// time at which that is due: a replica that dies meanwhile needs no clearing up.
const claimDraftSQL = `
UPDATE thumbedge.draft_project d SET due = clock_timestamp() + make_interval(secs => $2)
FROM (
	SELECT project_id FROM thumbedge.draft_project
	WHERE due <= clock_timestamp() AND since <= clock_timestamp() - make_interval(secs => $1)
	ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED
) claimed
WHERE d.project_id = claimed.project_id
RETURNING d.project_id`

// removePublicSQL removes the public rows of some captures of a project, provided that it
// has been a draft for long enough, which the same statement looks at, and records their
// files for deletion where they lie in their captures' folders. It prolongs the claim.
// A file that was recorded before, and named again since (a row restored from a backup),
// has all of its time from now on, as in an upsert.
const removePublicSQL = `
WITH portion AS (
	SELECT c.id::bigint AS id FROM {capture} c WHERE c.project_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3
), draft AS (
	SELECT p.id FROM {project} p JOIN thumbedge.draft_project d ON d.project_id = p.id
	WHERE p.id = $1 AND p.draft AND d.since <= clock_timestamp() - make_interval(secs => $4)
), deleted AS (
	DELETE FROM {thumbnail} t USING portion JOIN {capture} c ON c.id = portion.id JOIN draft ON draft.id = c.project_id
	WHERE t.source_image_id = portion.id
	RETURNING t.path, t.source_image_id::bigint AS capture_id, $5::text || 'capture_' || t.source_image_id || '/' AS folder
), recorded AS (
	INSERT INTO {files} AS f (path, capture_id, due)
	SELECT path, capture_id, clock_timestamp() + make_interval(secs => $4) FROM deleted
	WHERE starts_with(path, folder) AND length(path) > length(folder) AND strpos(substr(path, length(folder) + 1), '/') = 0
	ON CONFLICT (path) DO UPDATE SET due = greatest(f.due, excluded.due), tries = 0
), claimed AS (
	UPDATE thumbedge.draft_project d SET due = clock_timestamp() + make_interval(secs => $6) FROM draft WHERE d.project_id = draft.id
)
SELECT (SELECT count(*) FROM deleted), coalesce((SELECT max(portion.id) FROM portion JOIN draft ON true), 0)`

// draftClaim is how long a replica has a draft to itself between two of its steps.
const draftClaim = 10 * time.Minute

// SeeDrafts takes note of which projects are drafts, and since when.
func (s *Store) SeeDrafts(ctx context.Context, deleteAfter time.Duration) error {
	return s.run(ctx, "drafts", "looking which projects are drafts", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.private.either(ctx, conn, func() error {
			_, err := conn.Exec(ctx, s.sql(seeDraftsSQL), deleteAfter.Seconds())
			return err
		}, func() error { return nil })
	})
}

// ClaimDraft returns a project that has been a draft for deleteAfter, and whose public
// thumbnails nobody has looked for lately; 0: there is none. No other replica gets it
// for some minutes.
func (s *Store) ClaimDraft(ctx context.Context, deleteAfter time.Duration) (project int64, err error) {
	err = s.run(ctx, "drafts", "claiming a draft", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.private.either(ctx, conn, func() error {
			err := conn.QueryRow(ctx, claimDraftSQL, deleteAfter.Seconds(), draftClaim.Seconds()).Scan(&project)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		}, func() error { return nil })
	})
	return project, err
}

// RemovePublic removes the public rows of up to limit captures of a draft project, those
// whose ids are above after, and records their files for deletion after deleteAfter. The
// statement that does so looks whether the project is a draft still, and has been one for
// deleteAfter. Last is the next call's after; 0: the walk is over.
func (s *Store) RemovePublic(ctx context.Context, project int64, after thumb.ID, limit int, deleteAfter time.Duration) (removed int, last thumb.ID, err error) {
	err = s.run(ctx, "drafts", "removing public thumbnail rows of a draft", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.private.either(ctx, conn, func() error {
			return conn.QueryRow(ctx, s.sql(removePublicSQL), project, int64(after), limit, deleteAfter.Seconds(), string(s.keys), draftClaim.Seconds()).
				Scan(&removed, &last)
		}, func() error { return nil })
	})
	return removed, last, err
}

// DraftDone says that a draft's public thumbnails were looked for, and when that is to be
// done again: renders that were in hand, and the app's own, may have added some.
func (s *Store) DraftDone(ctx context.Context, project int64, again time.Duration) error {
	return s.run(ctx, "drafts", "giving a draft back", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.private.either(ctx, conn, func() error {
			_, err := conn.Exec(ctx, `UPDATE thumbedge.draft_project SET due = clock_timestamp() + make_interval(secs => $2) WHERE project_id = $1`,
				project, again.Seconds())
			return err
		}, func() error { return nil })
	})
}
