// Package demo runs all of thumbedge's surroundings on one machine with nothing to
// configure: a private PostgreSQL, files on disk, the sample capture API with its
// gallery and its made-up photos, and thumbedge in front of it.
//
// What costs time is kept between starts in one folder: the photos and the
// database. Thumbnails that were made stay too, so a second start is warm.
package demo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// nights is how many nights of photos the gallery has: 24 photos a night make 216
// public captures.
const nights = 9

// Options say where the demo lies and listens.
type Options struct {
	Dir      string    // kept between starts
	Listen   string    // of thumbedge; the app and the admin listener take free ports
	Progress io.Writer // of the drawing
	Log      *slog.Logger
	Version  string
	// Width of the photos in pixels; 0: 4096. Tests draw smaller ones.
	Width int
	// Tracer sees thumbedge's queries; nil for none.
	Tracer pgx.QueryTracer
}

// Demo is a running demo. Close it once.
type Demo struct {
	App     *sampleapp.App
	Program *program.Program
	AppURL  string
	URL     string // to open in a browser

	sharing  sharing
	database *postgresd.Server
	appHTTP  *http.Server
}

// Start brings everything up; ctx bounds the start only.
func Start(ctx context.Context, opts Options) (*Demo, error) {
	d := &Demo{}
	d.sharing.demo = d
	if err := d.start(ctx, opts); err != nil {
		return nil, errors.Join(err, d.Close(ctx))
	}
	return d, nil
}

func (d *Demo) start(ctx context.Context, opts Options) error {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return fmt.Errorf("finding the demo's folder: %w", err)
	}
	media := filepath.Join(dir, "media")
	// Drawing takes every core for a while; the database starts beside it.
	starting, startCtx := errgroup.WithContext(ctx)
	var photos []sampleapp.Photo
	starting.Go(func() (err error) {
		photos, err = sampleapp.Album{Dir: filepath.Join(dir, "photos"), Width: opts.Width}.Draw(startCtx, opts.Progress)
		return err
	})
	starting.Go(func() error {
		database, err := postgresd.Start(startCtx, postgresd.Config{Dir: databaseDir(dir), Settings: []string{"synchronous_commit=off"}})
		d.database = database
		return err
	})
	if err := starting.Wait(); err != nil {
		return err
	}
	url := d.database.URL("postgres")
	if err := d.startApp(ctx, url, media, photos, opts); err != nil {
		return err
	}
	if err := migrateUp(ctx, url, opts.Log); err != nil {
		return err
	}
	return d.startProgram(ctx, dir, url, opts)
}

func (d *Demo) startApp(ctx context.Context, url, media string, photos []sampleapp.Photo, opts Options) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for the sample app: %w", err)
	}
	d.AppURL = "http://" + listener.Addr().String()
	d.App, err = sampleapp.New(ctx, sampleapp.Config{
		DatabaseURL: url, MediaDir: media, CORS: true,
		AppURL: func() string { return d.AppURL }, ProxyURL: func() string { return d.URL },
		Cold: d.MakeCold, Sharing: &d.sharing,
	}, opts.Log)
	if err != nil {
		return errors.Join(fmt.Errorf("making the sample app: %w", err), listener.Close())
	}
	if err := d.App.Seed(ctx, photos, nights); err != nil {
		return errors.Join(fmt.Errorf("making the sample captures: %w", err), listener.Close())
	}
	d.appHTTP = &http.Server{Handler: d.App.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = d.appHTTP.Serve(listener) }() // until Close
	return nil
}

func (d *Demo) startProgram(ctx context.Context, dir, url string, opts Options) error {
	file := Config(url, d.AppURL, filepath.Join(dir, "media"))
	file.Server.Listen = opts.Listen
	if err := members(ctx, file, dir, opts); err != nil {
		return err
	}
	p, err := program.Start(file, program.Options{Log: opts.Log, Version: opts.Version, Tracer: opts.Tracer, Load: d.sharing.load})
	if err != nil {
		return err
	}
	d.Program, d.URL = p, "http://"+p.Addr()
	return nil
}

// Config returns the configuration of a demo: the antenna labels, files on disk.
func Config(databaseURL, appURL, media string) *config.File {
	file := config.Defaults()
	file.Server.Listen, file.Server.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	file.Server.DebugHeaders = true
	file.Upstream.URL = appURL
	file.Database.URL = databaseURL
	file.Thumbnails = thumb.Specs{{Label: "small", Width: 240, FallbackOriginal: true}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	file.Storage.Driver, file.Storage.Root = config.DriverFilesystem, media
	file.Source.AllowPrivateNetworks = true // all of it is on this machine
	file.Log.Access = false
	return file
}

// Close ends everything, the last started first.
func (d *Demo) Close(ctx context.Context) error {
	var errs []error
	if d.Program != nil {
		errs = append(errs, d.Program.Close(ctx))
	}
	if d.appHTTP != nil {
		errs = append(errs, d.appHTTP.Close())
	}
	if d.App != nil {
		errs = append(errs, d.App.Close())
	}
	if d.database != nil {
		errs = append(errs, d.database.Stop())
	}
	return errors.Join(errs...)
}

func migrateUp(ctx context.Context, url string, log *slog.Logger) error {
	m, err := migrations.New(url, migrations.Names(postgres.Antenna), func(line string) { log.Debug("migrating", "step", line) })
	if err != nil {
		return err
	}
	return m.Up(ctx)
}

// databaseDir is where the database lies: in the demo's folder, unless the server
// could not use it there. A socket's path is short, and the user that PostgreSQL
// runs as when started by root has no way into root's own folders.
func databaseDir(dir string) string {
	own := filepath.Join(dir, "postgres")
	if os.Geteuid() != 0 && len(own) <= 80 {
		return own
	}
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("/var/tmp/thumbedge-demo-%x", sum[:8])
}
