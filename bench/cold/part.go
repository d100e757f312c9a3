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
	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// workers are the app's web workers, of which the site that went down had more, on
// more cores.
const workers = 2

// part is one of the processes: it serves on a free port, says which in a line on
// its standard output, and ends when its standard input does.
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
		untilEOF(edge.Addr())
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
	untilEOF(l.Addr().String())
	_ = server.Close()
	return app.Close()
}

func (p *part) config() sampleapp.Config {
	return sampleapp.Config{DatabaseURL: p.Database, MediaDir: p.Media, OriginalsURL: p.Originals, Workers: workers}
}

func untilEOF(address string) {
	fmt.Println(address)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// start runs the part as a process, and returns its URL and what ends it, which says
// how much CPU time it took.
func (p *part) start(ctx context.Context) (url string, end func() time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("finding this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "-part", p.name, "-database", p.Database, "-media", p.Media, "-originals", p.Originals, "-app", p.App, "-renderers", strconv.Itoa(p.Renderers))
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
	end = func() time.Duration {
		_ = in.Close()
		_ = cmd.Wait()
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return "", nil, fmt.Errorf("%s did not start: %w", p.name, err)
	}
	return "http://" + strings.TrimSpace(address), end, nil
}
