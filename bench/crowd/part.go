package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/internal/child"
)

// part is one of the processes.
type part struct {
	name          string
	dir           string
	database, app string // thumbedge's
	at, target    string // the greedy client's
	connections   int
}

func (p *part) start(ctx context.Context) (*child.Process, string, error) {
	return child.Part(ctx, "-part", p.name, "-dir", p.dir, "-database", p.database, "-app", p.app,
		"-at", p.at, "-target", p.target, "-greedy", strconv.Itoa(p.connections))
}

func (p *part) run(ctx context.Context) error {
	switch p.name {
	case "app":
		return p.runApp()
	case "greedy":
		return p.runGreedy()
	case "thumbedge":
		return p.runThumbedge(ctx)
	}
	return fmt.Errorf("there is no part %q", p.name)
}

// runApp serves pages that it has made before. The largest is a file, which the kernel
// sends without a copy: what the app takes of the machine is little beside those who pass
// its page on.
func (p *part) runApp() error {
	path := filepath.Join(p.dir, "largest")
	if err := os.WriteFile(path, page(1, captures), 0o600); err != nil {
		return fmt.Errorf("writing the largest page: %w", err)
	}
	small := make([][]byte, 256)
	for i := range small {
		small[i] = page(1+i*(captures-40)/len(small), 40)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.RawQuery != "largest" {
			n, _ := strconv.Atoi(r.URL.RawQuery)
			body := small[n%len(small)]
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body)
			return
		}
		file, err := os.Open(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer file.Close()
		status, err := file.Stat()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(status.Size(), 10))
		_, _ = io.Copy(w, file)
	})}
	go func() { _ = server.Serve(l) }() // until the process ends
	child.Announce(l.Addr().String())
	return nil
}

func (p *part) runThumbedge(ctx context.Context) error {
	file := demo.Config(p.database, p.app, p.dir)
	file.Cache.MaxSize, file.Database.PageTimeout = 256<<20, 20*time.Second
	edge, err := program.Start(file, program.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	child.Announce(edge.Addr())
	return edge.Close(ctx)
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
