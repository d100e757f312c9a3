package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// App is the sample capture API by itself, on a database that somebody else runs, as
// one service of several (deploy/compose.yaml). Close it once.
type App struct {
	URL string

	app    *sampleapp.App
	http   *http.Server
	failed chan error
}

// StartApp draws the photos that opts.Dir lacks, makes tables and captures that the
// database lacks, and serves at opts.Listen.
func StartApp(ctx context.Context, databaseURL string, opts Options) (*App, error) {
	photos, err := sampleapp.Album{Dir: filepath.Join(opts.Dir, "photos"), Width: opts.Width}.Draw(ctx, opts.Progress)
	if err != nil {
		return nil, err
	}
	app, err := sampleapp.New(ctx, sampleapp.Config{DatabaseURL: databaseURL, MediaDir: filepath.Join(opts.Dir, "media")}, opts.Log)
	if err != nil {
		return nil, fmt.Errorf("making the sample app: %w", err)
	}
	listener, err := net.Listen("tcp", opts.Listen)
	if err == nil {
		err = app.Seed(ctx, photos, nights)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the sample app: %w", err), app.Close())
	}
	a := &App{
		URL: "http://" + listener.Addr().String(), app: app, failed: make(chan error, 1),
		http: &http.Server{Handler: app.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Second},
	}
	go func() { a.failed <- a.http.Serve(listener) }() // until Close
	return a, nil
}

// Failed gives the error that ended serving.
func (a *App) Failed() <-chan error { return a.failed }

// Close ends it at once.
func (a *App) Close() error { return errors.Join(a.http.Close(), a.app.Close()) }
