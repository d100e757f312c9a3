package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

// part is one of the processes: it serves on a free port, says which in a line on its
// standard output, and ends when its standard input does.
type part struct{ name, database, app string }

func (p part) run(ctx context.Context) error {
	if p.name == "app" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		largest := page(1, captures)
		server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := largest
			if !strings.HasSuffix(r.URL.String(), "largest") {
				first, _ := strconv.Atoi(r.URL.Query().Get("first"))
				body = page(first, 40)
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body)
		})}
		go func() { _ = server.Serve(l) }() // until the process ends
		untilEOF(l.Addr().String())
		return nil
	}
	media, err := os.MkdirTemp("", "te-crowd-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(media)
	file := demo.Config(p.database, p.app, media)
	file.Cache.MaxSize, file.Database.PageTimeout = 256<<20, 20*time.Second
	edge, err := program.Start(file, program.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	untilEOF(edge.Addr())
	return edge.Close(ctx)
}

func untilEOF(address string) {
	fmt.Println(address)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// start runs the part as a process, and returns its URL and what ends it.
func (p part) start(ctx context.Context) (url string, end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("finding this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "-part", p.name, "-database", p.database, "-app", p.app)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	end = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return "", nil, fmt.Errorf("%s did not start: %w", p.name, err)
	}
	return "http://" + strings.TrimSpace(address), end, nil
}

// page is a list of captures with nothing but an id and thumbnails: as much of its bytes as
// can be is work for who rewrites it.
func page(first, n int) []byte {
	body := []byte(`{"results":[`)
	for id := first; id < first+n; id++ {
		if id > first {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"id":%d,"thumbnails":{`, id)
		for i, label := range []string{"small", "medium", "large"} {
			if i > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `"%s":"/api/v2/captures/thumbnails/%d/?label=%s"`, label, id, label)
		}
		body = append(body, `}}`...)
	}
	return append(body, `]}`...)
}
