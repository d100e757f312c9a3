package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// orphansSQL removes the private rows among those of portion whose capture is gone, or no
// draft's any more, and records their files for deletion. A row that names another file by
// now was written of a draft, and stays.
const orphansSQL = `, orphaned AS (
	SELECT portion.* FROM portion WHERE NOT EXISTS (
		SELECT FROM {capture} c JOIN {project} p ON p.id = c.project_id WHERE c.id = portion.source_image_id AND p.draft)
), deleted AS (
	DELETE FROM {thumbnail} t USING orphaned o WHERE t.id = o.id AND t.path = o.path RETURNING t.path, t.source_image_id
), recorded AS (
	INSERT INTO {files} AS f (path, capture_id, due)
	SELECT path, source_image_id, clock_timestamp() + make_interval(secs => $1) FROM deleted
	ON CONFLICT (path) DO UPDATE SET due = greatest(f.due, excluded.due), tries = 0
)
SELECT (SELECT count(*) FROM deleted), coalesce((SELECT max(id) FROM portion), 0)`

// RemoveOrphans looks at up to limit rows of private thumbnails whose primary keys are above
// after, and removes those whose capture is gone or no draft's any more; their files are
// recorded for deletion after deleteAfter, in the same statement. Last is the next call's
// after; 0: the walk is over. Two replicas that walk at once do no harm.
func (t *Table) RemoveOrphans(ctx context.Context, after int64, limit int, deleteAfter time.Duration) (removed int, last int64, err error) {
	return t.removeOrphans(ctx, `
		WITH portion AS (SELECT id, source_image_id, path FROM {thumbnail} WHERE id > $2 ORDER BY id LIMIT $3)`,
		deleteAfter.Seconds(), after, limit)
}

// RemoveOrphansOf does so among the rows of captures.
func (t *Table) RemoveOrphansOf(ctx context.Context, captures []thumb.ID, deleteAfter time.Duration) (removed int, err error) {
	ids := make([]int64, len(captures))
	for i, id := range captures {
		ids[i] = int64(id)
	}
	removed, _, err = t.removeOrphans(ctx, `
		WITH portion AS (SELECT id, source_image_id, path FROM {thumbnail} WHERE source_image_id = ANY ($2::bigint[]))`,
		deleteAfter.Seconds(), ids)
	return removed, err
}

func (t *Table) removeOrphans(ctx context.Context, portion string, args ...any) (removed int, last int64, err error) {
	err = t.run(ctx, "orphans", "removing private thumbnail rows without a draft", func(ctx context.Context, conn *pgxpool.Conn) error {
		return t.either(ctx, conn, func() error {
			return conn.QueryRow(ctx, t.sql(portion+orphansSQL), args...).Scan(&removed, &last)
		}, func() error { return nil })
	})
	return removed, last, err
}
