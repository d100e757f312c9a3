package postgres

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// upsertSQL returns the statement that writes the rows that are given, one a label, and says of each what was
// there before, whether that refused it, and whether it was written. A label that
// was neither has changed while the statement ran, and goes round again: an update
// looks once more, when it has the row's lock, at all that was found before.
//
// Where the table checks them, nothing is given of a capture that may have no rows in it
// at that moment.
func (t *Table) upsertSQL() string {
	allowed := ""
	switch {
	case t.private:
		allowed = " WHERE EXISTS (SELECT FROM {capture} c JOIN {project} p ON p.id = c.project_id WHERE c.id = $1::bigint AND p.draft AND p.id = $10::bigint)"
	case t.checks:
		allowed = " WHERE EXISTS (SELECT FROM {capture} c JOIN {project} p ON p.id = c.project_id WHERE c.id = $1::bigint AND NOT p.draft)"
	}
	return givenSQL + allowed + foundSQL
}

const givenSQL = `
WITH given AS (
	SELECT * FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::timestamptz[])
		AS g (label, path, width, height, size, last_modified)`

const foundSQL = `
), found AS (
	SELECT g.*, t.id, t.path AS old, coalesce(t.path <> '' AND t.width = g.width AND t.last_modified > g.last_modified, false) AS newer
	FROM given g LEFT JOIN {thumbnail} t ON t.source_image_id = $1::bigint AND t.label = g.label
), updated AS (
	UPDATE {thumbnail} t
	SET path = f.path, width = f.width, height = f.height, size = f.size, last_modified = f.last_modified, updated_at = clock_timestamp()
	FROM found f
	WHERE t.id = f.id AND t.path IS NOT DISTINCT FROM f.old AND NOT coalesce(t.path <> '' AND t.width = f.width AND t.last_modified > f.last_modified, false)
	RETURNING t.label
), inserted AS (
	INSERT INTO {thumbnail} (created_at, updated_at, source_image_id, label, path, width, height, size, last_modified)
	SELECT clock_timestamp(), clock_timestamp(), $1::bigint, label, path, width, height, size, last_modified
	FROM found WHERE id IS NULL ORDER BY label
	ON CONFLICT (source_image_id, label) DO NOTHING
	RETURNING label
), written AS (
	SELECT label FROM updated UNION ALL SELECT label FROM inserted
)`

// recordUnnamedSQL goes on: what Discard recorded of the files that are named now
// is taken back, and those that no row names any more are recorded, where they lie
// in the capture's folder $8. One that was recorded before, and named again since by
// somebody else (a row restored from a backup), has all of its time from now on.
const recordUnnamedSQL = `, taken_back AS (
	DELETE FROM {files} WHERE path IN (SELECT path FROM found JOIN written USING (label))
), recorded AS (
	INSERT INTO {files} AS f (path, capture_id, due)
	SELECT path, $1::bigint, clock_timestamp() + make_interval(secs => $9)
	FROM (
		SELECT path FROM found WHERE newer
		UNION
		SELECT old FROM found JOIN updated USING (label) WHERE old <> path
	) AS unnamed
	WHERE starts_with(path, $8) AND length(path) > length($8) AND strpos(substr(path, length($8) + 1), '/') = 0
	ORDER BY path
	ON CONFLICT (path) DO UPDATE SET due = greatest(f.due, excluded.due), tries = 0
)`

const upsertedSQL = ` SELECT f.label, f.path, coalesce(f.old, ''), f.newer, w.label IS NOT NULL FROM found f LEFT JOIN written w USING (label)`

// Upsert writes the rows of stored files of one capture, each of another label,
// and returns what became of each, in their order: all of them in one statement,
// hence in one transaction and one round trip. A row that is there with a path, the
// same width and a strictly later LastModified stays. The file that no row names
// afterwards (the old row's, or the caller's where it is refused) is recorded for
// deletion after deleteAfter, in the same statement. A row that is overwritten keeps
// its primary key and created_at. Where the file of the row was recorded for
// deletion before it was stored, that record goes: a file that is named is in no
// danger, and one that is replaced later has all of its time from then on.
//
// A row is overwritten only while it names the file that was found, so that of any
// number of writers at once, the app among them, each records the one file that it
// replaced and none is orphaned.
//
// A capture that is gone is thumb.ErrUnknownCapture; the foreign key that says so
// is deferred, so it may fire at COMMIT. The caller's files are then recorded in a
// transaction of its own. After any other error the rows may have been written all
// the same (an answer to COMMIT can get lost): the files must stay.
//
// Where there is private storage, a capture that is not public at that moment is refused
// likewise, with thumb.ErrNotPublic.
func (t *Table) Upsert(ctx context.Context, id thumb.ID, rows []thumb.Row, deleteAfter time.Duration) ([]thumb.Upserted, error) {
	return t.upsert(ctx, id, 0, rows, deleteAfter)
}

// UpsertDraft does the same of the private table for a draft of a project. A capture that
// is public at that moment is refused with thumb.ErrPublic, and one that is not that
// project's draft with thumb.ErrNotPublic.
func (t *Table) UpsertDraft(ctx context.Context, id thumb.ID, project int64, rows []thumb.Row, deleteAfter time.Duration) ([]thumb.Upserted, error) {
	return t.upsert(ctx, id, project, rows, deleteAfter)
}

func (t *Table) upsert(ctx context.Context, id thumb.ID, project int64, rows []thumb.Row, deleteAfter time.Duration) ([]thumb.Upserted, error) {
	ups := map[string]thumb.Upserted{} // by label
	err := t.run(ctx, "upsert", "upserting thumbnail rows", func(ctx context.Context, conn *pgxpool.Conn) error {
		for len(ups) < len(rows) {
			err := t.upsertOnce(ctx, conn, id, project, rows, deleteAfter, ups)
			switch {
			case hasCode(err, foreignKeyViolation):
				return thumb.ErrUnknownCapture
			case err != nil && !hasCode(err, serializationFailure, deadlockDetected):
				return err
			}
		}
		return nil
	})
	all, paths := make([]thumb.Upserted, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		all[i], paths[i] = ups[row.Label], row.Path
	}
	if refused(err) {
		// The caller may be about to leave; the files must not be forgotten for that.
		if lost := t.Discard(context.WithoutCancel(ctx), id, paths, deleteAfter); lost != nil {
			t.log.Warn("files of a capture that was deleted, or changed hands, are left for reconcile", slog.Int64("capture", int64(id)), slog.Any("paths", paths), slog.Any("error", lost))
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// upsertOnce tries to write the rows whose labels are not among ups, and adds those
// of which it can say what became.
func (t *Table) upsertOnce(ctx context.Context, conn *pgxpool.Conn, id thumb.ID, project int64, rows []thumb.Row, deleteAfter time.Duration, ups map[string]thumb.Upserted) error {
	var labels, paths []string
	var widths, heights []int
	var sizes []int64
	var versions []*time.Time
	for _, row := range rows {
		if _, known := ups[row.Label]; known {
			continue
		}
		labels, paths = append(labels, row.Label), append(paths, row.Path)
		widths, heights, sizes = append(widths, row.Width), append(heights, row.Height), append(sizes, row.Size)
		versions = append(versions, nullable(row.LastModified))
	}
	given := []any{int64(id), labels, paths, widths, heights, sizes, versions}
	return t.either(ctx, conn, func() error {
		given = append(given, string(t.keys.AppendFolder(nil, id)), deleteAfter.Seconds())
		if t.private {
			given = append(given, project)
		}
		return t.readUpserted(ctx, conn, t.upsertSQL()+recordUnnamedSQL+upsertedSQL, given, ups)
	}, func() error {
		if t.private {
			return errNoPrivateTables
		}
		return t.readUpserted(ctx, conn, t.upsertSQL()+upsertedSQL, given, ups)
	})
}

func (t *Table) readUpserted(ctx context.Context, conn *pgxpool.Conn, sql string, given []any, ups map[string]thumb.Upserted) error {
	found, err := conn.Query(ctx, t.sql(sql), given...)
	if err != nil {
		return err
	}
	type told struct {
		Label          string
		Path, Old      string
		Newer, Written bool
	}
	all, err := pgx.CollectRows(found, pgx.RowToStructByPos[told]) // COMMIT may have failed, too
	if err != nil {
		return err
	}
	for _, row := range all {
		switch {
		case row.Newer:
			ups[row.Label] = thumb.Upserted{Path: row.Old}
		case row.Written:
			ups[row.Label] = thumb.Upserted{Path: row.Path, Won: true}
		}
	}
	if len(all) == 0 {
		return t.refusal(ctx, conn, given)
	}
	return nil
}

// refused says whether a capture was such that none of its rows were written.
func refused(err error) bool {
	return errors.Is(err, thumb.ErrUnknownCapture) || errors.Is(err, thumb.ErrNotPublic) || errors.Is(err, thumb.ErrPublic)
}

var errNoPrivateTables = errors.New("the tables of private thumbnails are missing: run thumbedge migrate up")

// refusal says why nothing was given: the error, or nil where it may go round again, as the
// capture has changed once more. Given are the statement's arguments.
func (t *Table) refusal(ctx context.Context, conn *pgxpool.Conn, given []any) error {
	var there, public bool
	var draft *int64
	err := conn.QueryRow(ctx, t.sql(`
		SELECT c.id IS NOT NULL, coalesce(NOT p.draft, false), CASE WHEN p.draft THEN p.id::bigint END
		FROM (SELECT $1::bigint AS id) AS asked
		LEFT JOIN {capture} c ON c.id = asked.id LEFT JOIN {project} p ON p.id = c.project_id`), given[0]).Scan(&there, &public, &draft)
	switch {
	case err != nil:
		return err
	case !there:
		return thumb.ErrUnknownCapture
	case !t.private && public, t.private && draft != nil && *draft == given[len(given)-1]:
		return nil
	case public:
		return thumb.ErrPublic
	}
	return thumb.ErrNotPublic
}
