package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/thumbedge/thumbedge/internal/bench"
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

// nginx is nginx as it stands before an app, as fast as it goes.
func nginx(dir, app, address string) bench.Nginx {
	return bench.Nginx{Workers: "auto", Dir: dir, HTTP: fmt.Sprintf(`    access_log off;
    upstream app { server %s; keepalive 64; keepalive_requests 100000000; }
    server {
      listen %s;
      location / {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_buffer_size 16k;
        proxy_buffers 8 32k;
        proxy_busy_buffers_size 128k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
      }
    }`, app, address)}
}

// visitors ask for pages at an address for a while, and say what each waited.
func visitors(ctx context.Context, address string, long time.Duration) (waits []time.Duration, err error) {
	return bench.Visitors(ctx, pace, long, nil, func(ctx context.Context) error {
		return get(ctx, fmt.Sprintf("http://%s/api/v2/captures/?%d", address, rand.IntN(1<<20)), io.Discard)
	})
}
