package program

import (
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// OpenDatabase makes the database's part for one command, which says itself what comes of
// it, and closes the pool. Nothing is asked yet.
func OpenDatabase(file *config.File) (*pgxpool.Pool, *postgres.Store, error) {
	cfg := file.Postgres()
	pool, err := postgres.Open(cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	store, err := postgres.New(cfg, pool, slog.New(slog.DiscardHandler), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		pool.Close()
		return nil, nil, fmt.Errorf("making the database's part: %w", err)
	}
	return pool, store, nil
}
