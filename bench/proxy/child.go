package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// serveAs is the process of a contestant written in Go: "<mode>@<address>".
func serveAs(what, app string) error {
	mode, addr, _ := strings.Cut(what, "@")
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	file, err := os.Create("access.log")
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := bufio.NewWriterSize(file, 64<<10)
	log := slog.New(slog.NewTextHandler(buffer, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch mode {
	case "thumbedge":
		return serveThumbedge(ctx, ln, app, log)
	case "reverseproxy":
		return serveReverseProxy(ctx, ln, app, log)
	}
	return fmt.Errorf("there is no %q", mode)
}

// serveThumbedge runs the proxy with its warm set, as the program does, in front of
// a database that has a row for everything.
func serveThumbedge(ctx context.Context, ln net.Listener, app string, log *slog.Logger) error {
	reg := prometheus.NewRegistry()
	storage, err := s3.New(ctx, storageConfig(), log)
	if err != nil {
		return err
	}
	defer storage.Close()
	rcfg := resolver.Defaults()
	rcfg.Specs, rcfg.Keys = labels, keys
	warmSet, err := resolver.New(rcfg, resolver.Deps{Database: database{}, URLs: storage, Log: log, Metrics: resolver.NewMetrics(reg)})
	if err != nil {
		return err
	}
	defer warmSet.Close()
	warmSet.Listening()
	heard := time.NewTicker(500 * time.Millisecond)
	defer heard.Stop()
	cfg := proxy.Defaults()
	cfg.Upstream.URL = "http://" + app
	cfg.Specs = labels
	cfg.AccessLog = true
	cfg.Responses.MaxSize = 1 << 30 // as nginx has: all the pages, and what they became
	server, err := proxy.New(cfg, proxy.Deps{
		Resolver: warmSet, Renderer: noRenderer{}, Log: log, Metrics: proxy.NewMetrics(reg),
	})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	for {
		warmSet.Heard()
		select {
		case <-heard.C:
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return errors.Join(server.Shutdown(late), <-served)
		}
	}
}

// database has every capture, with a thumbnail of every label.
type database struct{}

func (database) Captures(_ context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	captures := make([]thumb.Capture, 0, len(ids))
	for _, id := range ids {
		c := thumb.Capture{ID: id, Public: true}
		for position, spec := range labels {
			path := string(keys.Append(nil, id, spec.Label, digits(id, position)))
			c.Rows = append(c.Rows, thumb.Row{Label: spec.Label, Path: path, Width: spec.Width})
		}
		captures = append(captures, c)
	}
	return captures, nil
}

// storageConfig is that of a bucket whose files are public. Nobody asks it for any.
func storageConfig() s3.Config {
	cfg := s3.Defaults()
	cfg.Bucket, cfg.AccessKey, cfg.SecretKey = "thumbnails", "nobody", "asks"
	cfg.PublicBaseURL, cfg.Location = "https://cdn.test", "uploads/"
	return cfg
}

type noRenderer struct{ proxy.Renderer }

func (noRenderer) Prefetch(thumb.ID, int) {}

// serveReverseProxy is what the standard library offers, with a line in the log for
// each request.
func serveReverseProxy(ctx context.Context, ln net.Listener, app string, log *slog.Logger) error {
	target := &url.URL{Scheme: "http", Host: app}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 512
	through := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		through.ServeHTTP(w, r)
		log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method),
			slog.String("uri", r.RequestURI), slog.Duration("took", time.Since(start)), slog.String("remote", r.RemoteAddr))
	})}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
