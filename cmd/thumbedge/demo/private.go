package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
)

// members shows the demo's draft project to its members: private storage beside the public
// one, keys of this start, and the identity of the site that signatures are for.
func members(ctx context.Context, file *config.File, dir string, opts Options) error {
	private := &file.Storage.Private
	private.Driver, private.Root = config.DriverFilesystem, filepath.Join(dir, "private")
	if err := os.MkdirAll(private.Root, 0o700); err != nil {
		return fmt.Errorf("making the folder of private thumbnails: %w", err)
	}
	// Signed URLs begin with the site's address, so it has to be known before the start.
	listener, err := net.Listen("tcp", file.Server.Listen)
	if err != nil {
		return fmt.Errorf("finding an address: %w", err)
	}
	file.Server.Listen = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return fmt.Errorf("finding an address: %w", err)
	}
	file.Server.PublicURL = "http://" + file.Server.Listen
	file.Signing.Keys = []string{rand.Text() + rand.Text()}
	return pair(ctx, file, opts)
}

// pair gives database and storage their identity where neither has one, as migrate up does.
func pair(ctx context.Context, file *config.File, opts Options) error {
	pool, store, err := program.OpenDatabase(file)
	if err != nil {
		return err
	}
	defer pool.Close()
	storage, _, _, err := program.NewStorage(ctx, file, opts.Log)
	if err != nil {
		return err
	}
	if _, err := site.Pair(ctx, store, storage, file.Storage.Prefix); err != nil {
		opts.Log.Warn("members of the draft project see no thumbnails", "error", err)
	}
	return storage.Close()
}
