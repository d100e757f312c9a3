// Package sampleapp is a capture API that behaves as the real one does (antenna:
// Django REST on gunicorn), for the demo, for tests and for benchmarks: the same
// routes, bodies, headers, errors and access rules, on the same PostgreSQL tables,
// with files in a media folder. It also has the demo's gallery page and its
// made-up photos.
//
// It is as slow as the real one where the real one is slow. Each request holds
// one of a few web workers while it is served, as with gunicorn's sync workers,
// and a thumbnail that has no valid row is rendered inside the request.
//
// It is the peer that thumbedge is tested against, so it shares no code with
// thumbedge but the vocabulary (resolver/thumb) and what makes pictures of bytes
// (imaging/render).
package sampleapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The app's URL paths.
const (
	capturesPath   = "/api/v2/captures/"
	eventsPath     = "/api/v2/events/"
	thumbnailsPath = "/api/v2/captures/thumbnails/"
	mediaPath      = "/media/"
	demoPath       = "/demo/"

	// OriginalsPath is where the app serves the originals in its media folder.
	OriginalsPath = mediaPath + originalsFolder
	// originalsFolder is the folder of the originals within the media folder.
	originalsFolder = "originals/"
)

// Config says what the app runs on.
type Config struct {
	// DatabaseURL is of a database with the app's tables, or of an empty one.
	DatabaseURL string
	// MediaDir holds the originals and the app's own thumbnails. It is made where
	// it is missing.
	MediaDir string
	// OriginalsURL becomes the public_base_url of the captures that Seed makes:
	// OriginalsPath where it is empty, or the absolute URL of another server.
	OriginalsURL string
	// Workers is how many requests are served at a time; 0: 4.
	Workers int
	// Specs are the labels; none: small 240, medium 1024, large 2560.
	Specs thumb.Specs
	// Render makes one thumbnail; nil: RenderOne.
	Render Renderer
	// CORS lets pages of any origin read the answers, as the demo's gallery needs.
	CORS bool
	// AppURL and ProxyURL return where browsers reach the app and thumbedge in
	// front of it, for the gallery's switch. Nil or "": there is none to switch to.
	AppURL, ProxyURL func() string
	// Cold makes every gallery cold, for the gallery's button; nil: there is no button.
	Cold func(context.Context) error
	// Sharing is thumbedge's sharing of pages among visitors, for the gallery's switch; nil:
	// there is no switch.
	Sharing Sharing
}

// Sharing is whether thumbedge shares pages among visitors, and for how long.
type Sharing interface {
	Period() time.Duration
	On() bool
	// Set changes it for whoever asks from now on.
	Set(on bool) error
}

// Validate reports every problem of the configuration, joined.
func (c *Config) Validate() error {
	var errs []error
	if c.DatabaseURL == "" {
		errs = append(errs, errors.New("database URL: must be set"))
	}
	if c.MediaDir == "" {
		errs = append(errs, errors.New("media folder: must be set"))
	}
	if c.Workers < 0 {
		errs = append(errs, errors.New("workers: must not be negative"))
	}
	if len(c.Specs) > 0 {
		errs = append(errs, c.Specs.Validate())
	}
	return errors.Join(errs...)
}

// App is the running app. Its methods may be called from any goroutine, Close
// once, after the last request has been answered.
type App struct {
	cfg    Config
	log    *slog.Logger
	pool   *pgxpool.Pool
	media  *os.Root
	client *http.Client // fetches originals that lie elsewhere
	idle   chan int     // the workers that serve nobody, by number
	tally  *tally
	closed context.CancelFunc // ends the event streams
	done   <-chan struct{}
}

// New connects to the database, makes the tables that are missing, and returns
// the app. It has no captures of its own: see Seed.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Workers == 0 {
		cfg.Workers = 4
	}
	if len(cfg.Specs) == 0 {
		cfg.Specs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	}
	if cfg.OriginalsURL == "" {
		cfg.OriginalsURL = OriginalsPath
	}
	if cfg.Render == nil {
		cfg.Render = RenderOne
	}
	if err := os.MkdirAll(cfg.MediaDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the media folder: %w", err)
	}
	media, err := os.OpenRoot(cfg.MediaDir)
	if err != nil {
		return nil, fmt.Errorf("opening the media folder: %w", err)
	}
	pool, err := pgxpool.New(ctx, cfg.DatabaseURL)
	if err == nil {
		err = prepare(ctx, pool)
	}
	if err != nil {
		if pool != nil {
			pool.Close()
		}
		return nil, errors.Join(err, media.Close())
	}
	life, closed := context.WithCancel(context.Background())
	idle := make(chan int, cfg.Workers)
	for worker := range cfg.Workers {
		idle <- worker
	}
	return &App{
		cfg: cfg, log: log, pool: pool, media: media,
		client: &http.Client{Timeout: 30 * time.Second},
		idle:   idle,
		tally:  newTally(cfg.Workers),
		closed: closed,
		done:   life.Done(),
	}, nil
}

// Close ends the event streams and lets go of the database and the folder.
func (a *App) Close() error {
	a.closed()
	a.pool.Close()
	return a.media.Close()
}
