package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Storage is what both drivers are.
type Storage interface {
	imaging.Storage
	site.Storage
	io.Closer
}

// NewStorage makes the configured storage, what signs URLs of originals in
// deployments' own buckets, and the files that the proxy serves itself (nil for
// none).
func NewStorage(ctx context.Context, file *config.File, log *slog.Logger) (Storage, imaging.Buckets, proxy.Files, error) {
	buckets := s3.Buckets{}
	if file.Storage.Driver == config.DriverS3 {
		storage, err := s3.New(ctx, file.Storage.S3, log)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("making the storage: %w", err)
		}
		return storage, buckets, nil, nil
	}
	storage, err := filesystem.New(file.Storage.Filesystem)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("making the storage: %w", err)
	}
	if !file.Storage.Serve {
		return storage, buckets, nil, nil
	}
	return storage, buckets, files{storage.Serving()}, nil
}

// mayDelete refuses where the storage is another site's: a restored dump records the
// original's files for deletion, and a configuration may still name the original's
// storage. A pair that was never made proves nothing, and is let pass.
func mayDelete(ctx context.Context, store site.Database, storage Storage, keys thumb.Keys) error {
	if err := site.Check(ctx, store, storage, keys); !errors.Is(err, site.ErrNotPaired) {
		return err
	}
	return nil
}
