package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// lookAtFiles looks whether the storage is the app's: at the files of the newest rows,
// and at what database and storage say of each other.
func lookAtFiles(ctx context.Context, file *config.File) (fact string, err error) {
	storage, _, _, err := program.NewStorage(ctx, file, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer storage.Close()
	err = withStore(file, func(_ *pgxpool.Pool, store *postgres.Store) error {
		seen, err := site.Look(ctx, store, storage, file.Storage.Prefix, site.Newest)
		if err != nil {
			return advised(file, "looking for the newest rows' files", err)
		}
		if fact = seen.String(); seen.Rows == 0 {
			fact = "there is no row yet whose file could be looked for"
		}
		err = site.Check(ctx, store, storage, file.Storage.Prefix)
		switch {
		case err == nil && seen.Missing > 0:
			return degradedError{fmt.Errorf("%s: thumbedge reconcile finds all such rows", fact)}
		case err == nil:
			fact += "; database and storage are a pair"
		case errors.Is(err, site.ErrNotPaired):
			return degradedError{fmt.Errorf("%s; %w: thumbedge migrate up does it, and reconcile --apply needs it", fact, err)}
		case errors.Is(err, site.ErrOther):
			return degradedError{fmt.Errorf("%s; reconcile is refused: %w", fact, err)}
		}
		return err
	})
	return fact, err
}
