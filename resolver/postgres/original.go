package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Original reads what Lease reads and takes no lease: Held is false. A capture that
// does not exist is thumb.ErrUnknownCapture.
func (s *Store) Original(ctx context.Context, id thumb.ID) (work thumb.Work, err error) {
	err = s.run(ctx, "original", "reading where an original lies", func(ctx context.Context, conn *pgxpool.Conn) error {
		work, err = s.workWithoutLease(ctx, conn, id)
		return err
	})
	return work, err
}

func (s *Store) workWithoutLease(ctx context.Context, conn *pgxpool.Conn, id thumb.ID) (work thumb.Work, err error) {
	err = s.withDrafts(func(drafts bool) error {
		rows, err := conn.Query(ctx, s.sql(workOf(drafts)+noLease), int64(id))
		if err != nil {
			return err
		}
		work, err = readWork(id, rows)
		return err
	})
	return work, err
}
