package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// pace is how often other visitors ask for a page, whether or not the last one has come.
const pace = 5 * time.Millisecond

type client struct{ base string }

var transport = &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}

func (c client) get(ctx context.Context, target string, into io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+target, nil)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is %s", target, response.Status)
	}
	if _, err := io.Copy(into, response.Body); err != nil {
		return fmt.Errorf("reading %s: %w", target, err)
	}
	return nil
}

// warmUp asks until the worst page is rewritten from end to end.
func (c client) warmUp(ctx context.Context) error {
	for range 100 {
		var body bytes.Buffer
		if err := c.get(ctx, kinds[2].target, &body); err != nil {
			return err
		}
		if n := bytes.Count(body.Bytes(), []byte("/media/thumbnails/capture_")); n == 3*captures {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("the worst page is never rewritten")
}

// window has visitors ask for pages for a while, beside a client that asks for a target
// without pause; "" is none. It returns what each visitor waited, and how often the
// target came.
func (c client) window(ctx context.Context, target string, greedy int, long time.Duration) (waits []time.Duration, pages int, err error) {
	var mu sync.Mutex
	asking, ctx := errgroup.WithContext(ctx)
	over := make(chan struct{})
	for range greedy {
		asking.Go(func() error {
			for target != "" {
				select {
				case <-over:
					return nil
				default:
				}
				if err := c.get(ctx, target, io.Discard); err != nil {
					return err
				}
				mu.Lock()
				pages++
				mu.Unlock()
			}
			return nil
		})
	}
	ticker, end := time.NewTicker(pace), time.After(long)
	defer ticker.Stop()
	for done := false; !done; {
		select {
		case <-ticker.C:
			asking.Go(func() error {
				began := time.Now()
				err := c.get(ctx, fmt.Sprintf("/api/v2/captures/?first=%d", 1+rand.IntN(captures-40)), io.Discard)
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, time.Since(began))
				return err
			})
		case <-end:
			done = true
		case <-ctx.Done():
			done = true
		}
	}
	close(over)
	return waits, pages, asking.Wait()
}
