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
SELECT c.id::bigint, coalesce(NOT p.draft, false), 0::bigint, ` + rowOfCapturesSQL + `
FROM {capture} c
LEFT JOIN {project} p ON p.id = c.project_id
LEFT JOIN LATERAL (SELECT * FROM {thumbnail} WHERE source_image_id = c.id OFFSET 0) t ON true
WHERE c.id = ANY ($1::bigint[])`

var rowOfCapturesSQL = readable("c.last_modified") + `,
	t.label::text, coalesce(t.path::text, ''), coalesce(t.width::bigint, 0), ` + readable("t.last_modified")

// draftsToo is the same statement where drafts are told from the others that are not
// public: of each capture the rows of the one table, or of the other, are looked up.
var draftsToo = `
SELECT c.id::bigint, coalesce(NOT p.draft, false), CASE WHEN p.draft THEN p.id::bigint ELSE 0 END, ` + rowOfCapturesSQL + `
FROM {capture} c
LEFT JOIN {project} p ON p.id = c.project_id
LEFT JOIN LATERAL (` + rowsOfEither("label::text, path::text, width::bigint, last_modified::timestamptz") + `) t ON true
WHERE c.id = ANY ($1::bigint[])`

// rowsOfEither is the SQL for the rows of a capture c: the private ones where its project p
// is a draft, and those of the app's table otherwise.
func rowsOfEither(columns string) string {
	return `SELECT ` + columns + ` FROM {thumbnail} WHERE source_image_id = c.id AND p.draft IS NOT TRUE
		UNION ALL SELECT ` + columns + ` FROM thumbedge.private_thumbnail WHERE source_image_id = c.id AND p.draft OFFSET 0`
}

// Captures reads the captures and their thumbnail rows in one statement. An id
// that the database does not have is absent from the answer; ids are distinct. Of
// a row it reads what says whether it is valid, and its path. Ending ctx ends the
// wait and the query, not the connection.
func (s *Store) Captures(ctx context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	var captures []thumb.Capture
	err := s.run(ctx, "captures", "reading captures", func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.withDrafts(func(drafts bool) (err error) {
			captures, err = s.captures(ctx, conn, ids, drafts)
			return err
		})
	})
	if err != nil {
		s.dropIdle(err)
		return nil, err
	}
	return captures, nil
}

// captures reads them with one statement.
func (s *Store) captures(ctx context.Context, conn *pgxpool.Conn, ids []thumb.ID, drafts bool) ([]thumb.Capture, error) {
	wanted := make([]int64, len(ids))
	for i, id := range ids {
		wanted[i] = int64(id)
	}
	statement := capturesSQL
	if drafts {
		statement = draftsToo
	}
	rows, err := conn.Query(ctx, s.sql(statement), wanted)
	if err != nil {
		return nil, err
	}
	captures, at := make([]thumb.Capture, 0, len(ids)), make(map[thumb.ID]int, len(ids))
	var (
		c                 thumb.Capture
		modified, rowTime *time.Time
		label             *string
		row               thumb.Row
	)
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.Public, &c.Project, &modified, &label, &row.Path, &row.Width, &rowTime}, func() error {
		i, known := at[c.ID]
		if !known {
			i = len(captures)
			at[c.ID] = i
			c.Draft, c.LastModified = c.Project != 0, moment(modified)
			captures = append(captures, c)
		}
		if label != nil {
			row.Label, row.LastModified = *label, moment(rowTime)
			captures[i].AddRow(row)
		}
		return nil
	})
	return captures, err
}

// withDrafts does read, which is one statement, with drafts told from other captures that
// are not public, where there is private storage and the tables of its thumbnails are
// there. That they are is not asked for: a page costs one statement.
func (s *Store) withDrafts(read func(drafts bool) error) error {
	if s.private == nil {
		return read(false)
	}
	if usable, known := s.private.schema.lately(); known && !usable {
		return read(false)
	}
	err := read(true)
	if !hasCode(err, noSuchSchema, noSuchTable, noPrivilege) {
		return err
	}
	s.private.schema.saw(false)
	return read(false)
}

// dropIdle closes the idle connections after a query whose connection ended, or to
// which, and to whose cancellation, no response came. The server is gone, or the link to
// it (without a word, as in a fail-over), and most likely theirs is too: each would cost
// a query of its own to be found out.
func (l *link) dropIdle(err error) {
	var refusal *pgconn.PgError
	alive := errors.As(err, &refusal) && refusal.SeverityUnlocalized != "FATAL" || errors.Is(err, thumb.ErrInternal)
	if !alive && l.pool.Stat().IdleConns() > 0 {
		l.pool.Reset()
	}
}
