package cli

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// parts are the database and the storage of a command that works on both.
type parts struct {
	pool    *pgxpool.Pool
	store   *postgres.Store
	storage program.Storage
	private program.Storage // nil: there is none
}

// shelf is a storage with the table of the rows that name its files.
type shelf struct {
	name    string // of the storage's table in the configuration
	table   *postgres.Table
	storage program.Storage
	keys    thumb.Keys
	place   string // see reconcile.Config
}

// of begins a message about the private storage: what is said without is of the other.
func (s *shelf) of() string {
	if s.table.IsPrivate() {
		return s.name + ": "
	}
	return ""
}

// shelves are the public one and, where it is configured, the private one.
func (p *parts) shelves(file *config.File) []shelf {
	s, private := &file.Storage, &file.Storage.Private
	shelves := []shelf{{"storage", p.store.Table, p.storage, s.Prefix, place(s.Driver, s.Endpoint, s.Bucket, s.Location, s.Root, string(s.Prefix))}}
	if p.private != nil {
		shelves = append(shelves, shelf{"storage.private", p.store.Private(), p.private, private.Prefix,
			place(private.Driver, private.Endpoint, private.Bucket, private.Location, private.Root, string(private.Prefix))})
	}
	return shelves
}

// place names a storage.
func place(what ...string) string { return strings.Join(what, " ") }

// openParts makes the parts that file names. Neither is asked anything.
func openParts(ctx context.Context, file *config.File) (*parts, error) {
	log := slog.New(slog.DiscardHandler) // what the command prints says it all
	pool, store, err := program.OpenDatabase(file)
	if err != nil {
		return nil, err
	}
	storage, _, _, err := program.NewStorage(ctx, file, log)
	if err != nil {
		pool.Close()
		return nil, err
	}
	private, _, err := program.NewPrivateStorage(ctx, file, log)
	if err != nil {
		pool.Close()
		return nil, errors.Join(err, storage.Close())
	}
	return &parts{pool, store, storage, private}, nil
}

// close adds to err what went wrong while the parts were closed.
func (p *parts) close(err *error) {
	p.pool.Close()
	*err = errors.Join(*err, p.storage.Close())
	if p.private != nil {
		*err = errors.Join(*err, p.private.Close())
	}
}
