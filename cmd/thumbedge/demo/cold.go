package demo

import (
	"context"
	"fmt"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

// MakeCold makes the galleries cold again, on either way in. The files that rows named are
// deleted after storage.delete_after as any others: pages that are open still show them.
// Thumbnails of the draft project are made again, since its captures count as changed.
func (d *Demo) MakeCold(ctx context.Context) error {
	files, err := d.App.MakeCold(ctx)
	if err != nil {
		return err
	}
	d.Program.WarmSet().Clear() // the notifications would come within a second
	file := d.Program.File()
	pool, store, err := program.OpenDatabase(file)
	if err != nil {
		return err
	}
	defer pool.Close()
	for id, paths := range files {
		if err := store.Discard(ctx, id, paths, file.Storage.DeleteAfter); err != nil {
			return fmt.Errorf("recording the files of capture %d for deletion: %w", id, err)
		}
	}
	return nil
}
