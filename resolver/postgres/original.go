package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Original reads what Lease reads and takes no lease: Held is false. A capture that
// does not exist is thumb.ErrUnknownCapture.
func (s *Store) Original(ctx context.Context, id thumb.ID) (work thumb.Work, err error) {
	err = s.run(ctx, "original", "reading where an original lies", func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, s.sql(workSQL+noLease), int64(id))
		if err != nil {
			return err
		}
		work, err = readWork(id, rows)
		return err
	})
	return work, err
}

// CheckTables tries what serve will read and write of the app's tables, and leaves
// nothing behind: the error names what is missing, a table, a column or a right.
func (s *Store) CheckTables(ctx context.Context) error {
	if _, err := s.Captures(ctx, []thumb.ID{1}); err != nil {
		return err
	}
	if _, err := s.Original(ctx, 1); err != nil && !errors.Is(err, thumb.ErrUnknownCapture) {
		return err
	}
	return s.run(ctx, "check", "trying the right to write thumbnail rows", func(ctx context.Context, conn *pgxpool.Conn) error {
		var may bool
		err := conn.QueryRow(ctx, `SELECT has_table_privilege($1, 'INSERT') AND has_table_privilege($1, 'UPDATE')
			AND NOT current_setting('transaction_read_only')::bool`, s.sql("{thumbnail}")).Scan(&may)
		if err == nil && !may {
			err = errReadOnly
		}
		return err
	})
}

var errReadOnly = errors.New("this role may only read them: no thumbnail can be recorded")
