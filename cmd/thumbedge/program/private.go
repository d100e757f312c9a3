package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// NewPrivateStorage makes the configured private storage, and the files of it that the
// proxy serves itself (nil where URLs are signed). The storage is nil where there is none.
func NewPrivateStorage(ctx context.Context, file *config.File, log *slog.Logger) (Storage, proxy.Files, error) {
	private := &file.Storage.Private
	if !private.Configured() {
		return nil, nil, nil
	}
	if private.Driver == config.DriverS3 {
		storage, err := s3.New(ctx, private.S3Config(), log)
		if err != nil {
			return nil, nil, fmt.Errorf("making the private storage: %w", err)
		}
		return storage, nil, nil
	}
	if err := foldersApart(&file.Storage); err != nil {
		return nil, nil, err
	}
	storage, err := filesystem.New(private.FilesystemConfig())
	if err != nil {
		return nil, nil, fmt.Errorf("making the private storage: %w", err)
	}
	return storage, files{storage.Serving()}, nil
}

// foldersApart refuses a private folder that is, or lies in, the public one by another
// name: the configuration is judged by names alone.
func foldersApart(storage *config.Storage) error {
	if storage.Driver != config.DriverFilesystem {
		return nil
	}
	public, err := filepath.EvalSymlinks(storage.Root)
	private, privateErr := filepath.EvalSymlinks(storage.Private.Root)
	if err := errors.Join(err, privateErr); err != nil {
		return fmt.Errorf("storage.private.root: %w", err)
	}
	for _, pair := range [][2]string{{public, private}, {private, public}} {
		if pair[0] == pair[1] || strings.HasPrefix(pair[1], strings.TrimSuffix(pair[0], "/")+"/") {
			return fmt.Errorf("storage.private.root: %q is %q, and storage.root %q is %q: they must not contain one another",
				storage.Private.Root, private, storage.Root, public)
		}
	}
	return nil
}

// privateParts are what the warm set and the cold path do drafts with; the zero value
// where there is no private storage.
type privateParts struct {
	storage Storage
	files   proxy.Files
	keys    thumb.Keys
	probe   *storageProbe // nil: there is no private storage
}

// newPrivateParts makes them from a configuration.
func newPrivateParts(ctx context.Context, file *config.File, store *postgres.Store, registry prometheus.Registerer, log *slog.Logger) (p privateParts, err error) {
	p.storage, p.files, err = NewPrivateStorage(ctx, file, log)
	p.keys = file.Storage.Private.Prefix
	if err == nil {
		p.probe = newPrivateProbe(&p, store, registry)
	}
	return p, err
}

// urls returns what builds URLs of private files; nil: nothing does.
func (p *privateParts) urls() resolver.URLs {
	if p.storage == nil || p.files != nil {
		return nil
	}
	return p.storage
}

// imaging returns what the cold path needs; nil: there is no private storage.
func (p *privateParts) imaging(store *postgres.Store) *imaging.Private {
	if p.storage == nil {
		return nil
	}
	return &imaging.Private{
		Rows: store.Private(), Drafts: store, Storage: p.storage,
		MayDelete: func(ctx context.Context) error { return mayDelete(ctx, store.Private(), p.storage, p.keys) },
	}
}

// close closes the private storage, if there is one.
func (p *privateParts) close() error {
	if p.storage == nil {
		return nil
	}
	return p.storage.Close()
}
