package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
)

// responsesSize is responses.max_size while responses are measured, and responsesMiB the
// same as a number.
const (
	responsesSize = "64MiB"
	responsesMiB  = 64
)

// measureResponses fills the response cache twice over with bodies of one size, and
// returns how much memory became resident, in bytes, and how many answers are held.
func (s *serve) measureResponses(ctx context.Context, body int) (taken int64, held string, err error) {
	content := []byte(strings.Repeat("x", body))
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=86400")
		w.Header().Set("Content-Length", strconv.Itoa(body))
		_, _ = w.Write(content)
	}))
	defer app.Close()
	end, err := s.start(ctx, app.URL, "")
	if err != nil {
		return 0, "", err
	}
	defer end()
	if err := s.poll(ctx, 10*time.Second); err != nil { // so that what any request needs is there
		return 0, "", err
	}
	empty, err := child.Resident(s.pid)
	if err != nil {
		return 0, "", err
	}
	for n := range 2 * (responsesMiB << 20) / (body + 1<<10) {
		if _, err := get(ctx, fmt.Sprintf("http://%s/kept/%d", s.url, n)); err != nil {
			return 0, "", err
		}
	}
	if err := s.poll(ctx, 30*time.Second); err != nil {
		return 0, "", err
	}
	full, err := child.Resident(s.pid)
	if err != nil {
		return 0, "", err
	}
	metrics, err := get(ctx, "http://"+s.admin+"/metrics")
	if err != nil {
		return 0, "", err
	}
	for line := range strings.SplitSeq(metrics, "\n") {
		if entries, ok := strings.CutPrefix(line, "thumbedge_responses_entries "); ok {
			held = entries
		}
	}
	return full - empty, held, nil
}

// poll asks for one of the answers a few times a second.
func (s *serve) poll(ctx context.Context, while time.Duration) error {
	for start := time.Now(); time.Since(start) < while; time.Sleep(pause) {
		if _, err := get(ctx, "http://"+s.url+"/kept/0"); err != nil {
			return err
		}
	}
	return nil
}
