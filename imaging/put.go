package imaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// putGrace is how long a Put whose time is over may take to say so.
	putGrace = time.Second
	// mostBehind is how many Puts left behind end all asking of a storage. Each keeps a
	// thread of the system's, of which a process has 10,000; those of jobs in hand come on top.
	mostBehind = 16
)

var (
	errBehind = errors.New("storage does not come back from what it was asked, and is left alone")
	errSlow   = fmt.Errorf("%w: storage takes longer than render.max_wait", thumb.ErrBusy)
	errStuck  = errors.New("storage does not come back")
)

// put stores one picture, for as long as ctx lasts. A file system whose disk stands
// still heeds no context: its Put is left behind, and comes to its end when the disk
// does. The file that it may leave then was recorded for deletion before.
func (r *Renderer) put(ctx context.Context, on *shelf, k *kept) error {
	if on.behind.Load() >= mostBehind {
		return errBehind
	}
	done, began := make(chan error, 1), time.Now()
	go func() {
		err := errPanic
		defer func() {
			on.breaker.note(err)
			done <- err
		}()
		defer r.recovered("storing a picture")
		err = on.storage.Put(ctx, k.key, k.picture.JPEG)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(putGrace)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
	}
	on.behind.Add(1)
	on.breaker.note(errStuck)
	go func() {
		err := <-done
		on.behind.Add(-1)
		r.log.Info("storage came back", slog.Int64("took_ms", time.Since(began).Milliseconds()), slog.Any("error", err))
	}()
	return fmt.Errorf("%w: %w", errStuck, ctx.Err())
}
