package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// capturesSQL reads captures and their rows. The sub-select with OFFSET 0 has the
// rows looked up by index, a capture at a time, however wrong the statistics are:
// the planner cannot turn it into a join over the whole table. The casts keep the
// result's types, and so prepared statements, the same when the app's migrations
// change a column's.
var capturesSQL = `
SELECT c.id::bigint, coalesce(NOT p.draft, false), ` + readable("c.last_modified") + `,
	t.label::text, coalesce(t.path::text, ''), coalesce(t.width::bigint, 0), ` + readable("t.last_modified") + `
FROM {capture} c
LEFT JOIN {project} p ON p.id = c.project_id
LEFT JOIN LATERAL (SELECT * FROM {thumbnail} WHERE source_image_id = c.id OFFSET 0) t ON true
WHERE c.id = ANY ($1::bigint[])`

// Captures reads the captures and their thumbnail rows in one statement. An id
// that the database does not have is absent from the answer; ids are distinct. Of
// a row it reads what says whether it is valid, and its path. Ending ctx ends the
// wait and the query, not the connection.
func (s *Store) Captures(ctx context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	wanted := make([]int64, len(ids))
	for i, id := range ids {
		wanted[i] = int64(id)
	}
	captures := make([]thumb.Capture, 0, len(ids))
	err := s.run(ctx, "captures", "reading captures", func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, s.sql(capturesSQL), wanted)
		if err != nil {
			return err
		}
		at := make(map[thumb.ID]int, len(ids))
		var (
			id                thumb.ID
			public            bool
			modified, rowTime *time.Time
			label             *string
			path              string
			width             int
		)
		_, err = pgx.ForEachRow(rows, []any{&id, &public, &modified, &label, &path, &width, &rowTime}, func() error {
			i, known := at[id]
			if !known {
				i = len(captures)
				at[id] = i
				captures = append(captures, thumb.Capture{ID: id, Public: public, LastModified: moment(modified)})
			}
			if label != nil {
				captures[i].Rows = append(captures[i].Rows, thumb.Row{
					Label: *label, Path: path, Width: width, LastModified: moment(rowTime),
				})
			}
			return nil
		})
		return err
	})
	if err != nil {
		s.dropIdle(err)
		return nil, err
	}
	return captures, nil
}

// dropIdle closes the idle connections after a query whose connection ended, or to
// which, and to whose cancellation, no response came. The server is gone, or the link to
// it (without a word, as in a fail-over), and most likely theirs is too: each would cost
// a query of its own to be found out.
func (s *Store) dropIdle(err error) {
	var refusal *pgconn.PgError
	alive := errors.As(err, &refusal) && refusal.SeverityUnlocalized != "FATAL" || errors.Is(err, thumb.ErrInternal)
	if !alive && s.pool.Stat().IdleConns() > 0 {
		s.pool.Reset()
	}
}
