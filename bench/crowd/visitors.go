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

var transport = &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}

func get(ctx context.Context, url string, into io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is %s", url, response.Status)
	}
	if _, err := io.Copy(into, response.Body); err != nil {
		return fmt.Errorf("reading %s: %w", url, err)
	}
	return nil
}

// warmUp asks until the worst page is rewritten from end to end.
func warmUp(ctx context.Context, address string) error {
	for range 100 {
		var body bytes.Buffer
		if err := get(ctx, "http://"+address+worst, &body); err != nil {
			return err
		}
		if n := bytes.Count(body.Bytes(), []byte("/media/thumbnails/capture_")); n == 3*captures {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("the worst page is never rewritten")
}

// visitors ask for pages at an address for a while, and say what each waited.
func visitors(ctx context.Context, address string, long time.Duration) (waits []time.Duration, err error) {
	var mu sync.Mutex
	asking, ctx := errgroup.WithContext(ctx)
	ticker, end := time.NewTicker(pace), time.After(long)
	defer ticker.Stop()
	for done := false; !done; {
		select {
		case <-ticker.C:
			asking.Go(func() error {
				began := time.Now()
				err := get(ctx, fmt.Sprintf("http://%s/api/v2/captures/?%d", address, rand.IntN(1<<20)), io.Discard)
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
	return waits, asking.Wait()
}
