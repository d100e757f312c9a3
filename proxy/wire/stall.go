package wire

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// errStalled is of a peer that takes nothing.
var errStalled = fmt.Errorf("peer takes nothing: %w", os.ErrDeadlineExceeded)

// persist calls write until all is written, or until it fails by anything but a deadline
// that setDeadline has set, or until the peer has taken nothing for limit. The kernel
// reports room for more only when a third of its buffer is free, which a slow peer may
// take longer for: what has left the buffer counts, too.
func persist(raw syscall.RawConn, limit time.Duration, setDeadline func(time.Time) error, write func() (int64, error)) error {
	queued, since := -1, time.Now()
	for {
		if err := setDeadline(time.Now().Add(limit / 2)); err != nil {
			return err
		}
		n, err := write()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		left, now := undelivered(raw), time.Now()
		if n > 0 || queued >= 0 && left < queued {
			since = now
		}
		if queued = left; now.Sub(since) >= limit {
			return errStalled
		}
	}
}
