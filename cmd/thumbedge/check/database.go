package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

func lookAtDatabase(ctx context.Context, file *config.File) (string, error) {
	pool, err := postgres.Open(file.Postgres(), nil)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	var version, user, database string
	if err := pool.QueryRow(ctx, "SELECT current_setting('server_version'), current_user, current_database()").
		Scan(&version, &user, &database); err != nil {
		return "", fmt.Errorf("database.url does not work: %w", err)
	}
	return fmt.Sprintf("PostgreSQL %s, database %s as %s", version, database, user), nil
}

// withStore calls look with the database's part, made for this one look.
func withStore(file *config.File, look func(*pgxpool.Pool, *postgres.Store) error) error {
	pool, store, err := program.OpenDatabase(file)
	if err != nil {
		return err
	}
	defer pool.Close()
	return look(pool, store)
}

func lookAtTables(ctx context.Context, file *config.File) (fact string, err error) {
	err = withStore(file, func(_ *pgxpool.Pool, store *postgres.Store) error {
		if err := store.CheckTables(ctx); err != nil {
			return fmt.Errorf("the app's tables are not as expected: %w", err)
		}
		fact = "the app's tables can be read, and rows of thumbnails written"
		ours, err := store.ThumbnailTableIsOurs(ctx)
		if err == nil && ours {
			err = degradedError{fmt.Errorf("an earlier thumbedge made %s: when the app is upgraded, run python manage.py migrate main 0090 and then "+
				"python manage.py migrate main 0091 --fake, or its own migration fails", file.Database.Tables.Thumbnail)}
		}
		return err
	})
	return fact, err
}

func lookAtTriggers(ctx context.Context, file *config.File) (fact string, err error) {
	err = withStore(file, func(_ *pgxpool.Pool, store *postgres.Store) error {
		installed, err := store.Installed(ctx)
		switch {
		case err != nil:
			return err
		case !installed.Schema || !installed.Triggers:
			return degradedError{errors.New("not installed: changes show after cache.ttl_unlistened; run thumbedge migrate up")}
		}
		fact = "schema thumbedge and triggers are installed"
		number, name, err := store.NewestMigration(ctx)
		if err == nil && number > migrations.Latest() {
			err = degradedError{fmt.Errorf("a newer thumbedge made the schema (it has migration %04d %s, this program knows %d): use that one",
				number, name, migrations.Latest())}
		}
		return err
	})
	return fact, err
}
