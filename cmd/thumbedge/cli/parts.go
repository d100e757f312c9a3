package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// parts are the database and the storage of a command that works on both.
type parts struct {
	pool    *pgxpool.Pool
	store   *postgres.Store
	storage program.Storage
}

// openParts makes the parts that file names. Neither is asked anything.
func openParts(ctx context.Context, file *config.File) (*parts, error) {
	log := slog.New(slog.DiscardHandler) // what the command prints says it all
	database := file.Postgres()
	pool, err := postgres.Open(database, nil)
	if err != nil {
		return nil, err
	}
	store, err := postgres.New(database, pool, log, postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		pool.Close()
		return nil, err
	}
	storage, _, _, err := program.NewStorage(ctx, file, log)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &parts{pool, store, storage}, nil
}

// close adds to err what went wrong while the parts were closed.
func (p *parts) close(err *error) {
	p.pool.Close()
	*err = errors.Join(*err, p.storage.Close())
}
