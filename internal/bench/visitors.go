// Package bench is what several benchmarks have in common: visitors who keep asking, and
// the nginx that others are compared to.
package bench

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Visitors has one visitor ask at every pace, whether or not the last one has been answered
// (a closed loop would ask less of a server that is slow), for so long, or until a channel is
// closed, nil for none. It returns how long each waited.
func Visitors(ctx context.Context, pace, long time.Duration, until <-chan struct{}, ask func(context.Context) error) (waits []time.Duration, err error) {
	var mu sync.Mutex
	asking, ctx := errgroup.WithContext(ctx)
	ticker, over := time.NewTicker(pace), time.After(long)
	defer ticker.Stop()
	for done := false; !done; {
		select {
		case <-ticker.C:
			asking.Go(func() error {
				began := time.Now()
				err := ask(ctx)
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, time.Since(began))
				return err
			})
		case <-until:
			done = true
		case <-over:
			done = true
		case <-ctx.Done():
			done = true
		}
	}
	return waits, asking.Wait()
}
