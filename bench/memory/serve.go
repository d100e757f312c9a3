package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
)

const (
	fillPage = 500 // captures
	usual    = 40
	pause    = 250 * time.Millisecond // between pages, once it is filled
)

// serve is one `thumbedge serve`, and the app behind it.
type serve struct {
	dir, binary, database string
	captures              int
	maxSize               string
	url, admin            string
	pid                   int
}

// measured is resident memory, in bytes, and processor time of the last minute.
type measured struct {
	empty, filled, later int64
	held                 int // captures, at the end
	cpu                  time.Duration
}

// measure fills the warm set with all captures, rounds times over, and looks a minute later.
func (s *serve) measure(ctx context.Context, env string, rounds int) (m measured, err error) {
	app := httptest.NewServer(http.HandlerFunc(list))
	defer app.Close()
	end, err := s.start(ctx, app.URL, env)
	if err != nil {
		return m, err
	}
	defer end()
	// Pages of unknown captures, so that what any page needs is there.
	if err := s.visit(ctx, 20*time.Second, s.captures+1, 1000); err != nil {
		return m, err
	}
	if m.empty, err = child.Resident(s.pid); err != nil {
		return m, err
	}
	for range rounds {
		for first := 1; first <= s.captures; first += fillPage {
			if err := s.page(ctx, first, fillPage); err != nil {
				return m, err
			}
		}
	}
	if m.filled, err = child.Resident(s.pid); err != nil {
		return m, err
	}
	before, err := child.CPU(s.pid)
	if err != nil {
		return m, err
	}
	if err := s.visit(ctx, time.Minute, 1, s.captures-usual); err != nil {
		return m, err
	}
	after, err := child.CPU(s.pid)
	if err != nil {
		return m, err
	}
	m.cpu = after - before
	if m.later, err = child.Resident(s.pid); err != nil {
		return m, err
	}
	m.held, err = s.held(ctx)
	return m, err
}

// visit asks for a few pages a second, at random from the captures that begin at first.
func (s *serve) visit(ctx context.Context, while time.Duration, first, captures int) error {
	for start := time.Now(); time.Since(start) < while; time.Sleep(pause) {
		if err := s.page(ctx, first+rand.IntN(captures), usual); err != nil {
			return err
		}
	}
	return nil
}

func (s *serve) start(ctx context.Context, app, env string) (end func(), err error) {
	for _, address := range []*string{&s.url, &s.admin} {
		if *address, err = child.FreeAddress(); err != nil {
			return nil, err
		}
	}
	media, file := filepath.Join(s.dir, "media"), filepath.Join(s.dir, "thumbedge.toml")
	if err := os.MkdirAll(media, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	toml := fmt.Sprintf(`
[server]
listen = %q
admin_listen = %q
[upstream]
url = %q
[database]
url = %q
page_timeout = "20s"
[storage]
driver = "filesystem"
root = %q
[cache]
max_size = %q
[responses]
max_size = %q
[log]
access = false
`, s.url, s.admin, app, s.database, media, s.maxSize, responsesSize)
	for i, label := range []string{"small", "medium", "large"} {
		toml += fmt.Sprintf("[[thumbnails]]\nlabel = %q\nwidth = %d\n", label, []int{240, 1024, 2560}[i])
	}
	if err := os.WriteFile(file, []byte(toml), 0o600); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	cmd := exec.CommandContext(ctx, s.binary, "serve", "--config", file)
	cmd.Stderr = os.Stderr
	if env != "" {
		cmd.Env = append(os.Environ(), env)
	}
	process, err := child.Run(cmd)
	if err != nil {
		return nil, err
	}
	s.pid = process.PID
	end = func() { process.End() }
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if body, err := get(ctx, "http://"+s.admin+"/metrics"); err == nil && strings.Contains(body, "thumbedge_warmset_connected 1") {
			return end, nil
		}
		if time.Now().After(deadline) {
			end()
			return nil, fmt.Errorf("thumbedge hears no notifications after a minute")
		}
	}
}

// page asks for a page of n captures, which must be rewritten where they exist.
func (s *serve) page(ctx context.Context, first, n int) error {
	body, err := get(ctx, fmt.Sprintf("http://%s/api/v2/captures/?first=%d&limit=%d", s.url, first, n))
	if err != nil {
		return err
	}
	if want := 3 * max(0, min(n, s.captures-first+1)); strings.Count(body, "/media/thumbnails/capture_") != want {
		return fmt.Errorf("page of %d from %d on: not %d storage URLs: %.300s", n, first, want, body)
	}
	return nil
}

// held returns how many captures the warm set holds.
func (s *serve) held(ctx context.Context) (int, error) {
	body, err := get(ctx, "http://"+s.admin+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(body, "\n") {
		if held, ok := strings.CutPrefix(line, "thumbedge_warmset_captures "); ok {
			n, err := strconv.ParseFloat(held, 64)
			return int(n), err
		}
	}
	return 0, fmt.Errorf("no metric says how many captures are held")
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", url, err)
	}
	return string(body), nil
}

// list is the app: its pages name the captures that they were asked for.
func list(w http.ResponseWriter, r *http.Request) {
	first, _ := strconv.Atoi(r.URL.Query().Get("first"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	w.Header().Set("Content-Type", "application/json")
	var b bytes.Buffer
	b.WriteString(`{"results":[`)
	for i := range limit {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"thumbnails":{`, first+i)
		for at, label := range []string{"small", "medium", "large"} {
			if at > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `%q:"/api/v2/captures/thumbnails/%d/?label=%s"`, label, first+i, label)
		}
		b.WriteString("}}")
	}
	b.WriteString("]}")
	_, _ = w.Write(b.Bytes())
}
