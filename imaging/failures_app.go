package imaging

import (
	"errors"
	"fmt"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var (
	errAppRefused = fmt.Errorf("%w: the app does not render it either: %w", thumb.ErrOriginalUnusable, thumb.ErrUnshowable)
	errAppFailed  = fmt.Errorf("%w: the app failed to render it: %w", thumb.ErrOriginalUnavailable, thumb.ErrUnshowable)
)

// errorOf returns what is to be answered for a label.
func (known *failure) errorOf(position int) error {
	switch at := labelAt(position); {
	case !errors.Is(known.err, thumb.ErrOriginalForApp):
	case known.refused&at != 0:
		return errAppRefused
	case known.failed&at != 0 && time.Now().Before(known.failedUntil):
		return errAppFailed
	}
	return known.err
}

// rememberApp remembers that the app did not render a label of an original that is the
// app's to render: since it refuses to, or since it failed.
func (f *failures) rememberApp(id thumb.ID, position int, refused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[id]
	if element == nil {
		return
	}
	known := element.Value.(*failure)
	switch now := time.Now(); {
	case !errors.Is(known.err, thumb.ErrOriginalForApp):
	case refused:
		known.refused |= labelAt(position)
	default:
		if !now.Before(known.failedUntil) {
			known.failed = 0
		}
		known.failed |= labelAt(position)
		known.failedUntil = now.Add(f.retryAfter)
	}
}
