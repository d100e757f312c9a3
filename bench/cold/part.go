package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/internal/child"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// workers are the app's web workers, of which the site that went down had more, on
// more cores.
const workers = 2

// part is one of the processes.
type part struct {
	name                            string
	Database, Media, Originals, App string
	Renderers                       int
}

func (p *part) run(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if p.name == "thumbedge" {
		file := demo.Config(p.Database, p.App, p.Media)
		file.Render.Workers = p.Renderers
		edge, err := program.Start(file, program.Options{Log: log})
		if err != nil {
			return err
		}
		child.Announce(edge.Addr())
		return edge.Close(ctx)
	}
	pillow, err := startPillow()
	if err != nil {
		return err
	}
	defer pillow.close()
	cfg := p.config()
	cfg.Render = pillow.render
	app, err := sampleapp.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: app.Handler(), IdleTimeout: 2 * time.Second, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // until Close
	child.Announce(l.Addr().String())
	_ = server.Close()
	return app.Close()
}

func (p *part) config() sampleapp.Config {
	return sampleapp.Config{DatabaseURL: p.Database, MediaDir: p.Media, OriginalsURL: p.Originals, Workers: workers}
}

// start runs the part as a process, and returns its URL and what ends it, which says
// how much CPU time it took.
func (p *part) start(ctx context.Context) (url string, end func() time.Duration, err error) {
	process, address, err := child.Part(ctx, "-part", p.name, "-database", p.Database, "-media", p.Media, "-originals", p.Originals, "-app", p.App, "-renderers", strconv.Itoa(p.Renderers))
	if err != nil {
		return "", nil, err
	}
	return "http://" + address, process.End, nil
}
