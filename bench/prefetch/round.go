package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

const captures = 40

// place is where the rounds happen.
type place struct {
	dir     string
	photos  []sampleapp.Photo
	server  *postgresd.Server
	browser context.Context
	rounds  int // so far
}

// measure opens the gallery once, on a site of its own.
func (p *place) measure(ctx context.Context, s setting) (took time.Duration, err error) {
	database, err := p.fresh(ctx)
	if err != nil {
		return 0, err
	}
	media := filepath.Join(p.dir, fmt.Sprintf("media%d", p.rounds))
	defer os.RemoveAll(media)
	files := http.FileServer(http.Dir(media))
	originals := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(s.delay)
		files.ServeHTTP(w, r)
	}))
	defer originals.Close()

	var appURL, edgeURL string
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	app, err := sampleapp.New(ctx, sampleapp.Config{
		DatabaseURL: database, MediaDir: media, OriginalsURL: originals.URL + "/originals/", CORS: true,
		AppURL: func() string { return appURL }, ProxyURL: func() string { return edgeURL },
	}, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	if err := app.Seed(ctx, p.photos, 2); err != nil { // 24 photos a night
		return 0, err
	}
	if err := migrate(ctx, database); err != nil {
		return 0, err
	}
	appServer := httptest.NewServer(app.Handler())
	defer appServer.Close()
	appURL = appServer.URL

	file := demo.Config(database, appURL, media)
	file.Rewrite.Prefetch.SetPlain(s.prefetch)
	edge, err := program.Start(file, program.Options{Log: log})
	if err != nil {
		return 0, err
	}
	defer func() {
		appServer.CloseClientConnections() // the gallery's stream of counters goes on for ever
		err = errors.Join(err, edge.Close(ctx))
	}()
	edgeURL = "http://" + edge.Addr()
	if s.http2 {
		front := serveHTTP2(edge.Addr())
		defer front.Close()
		edgeURL = front.URL
	}
	return p.open(fmt.Sprintf("%s/?via=proxy&labels=%s", edgeURL, strings.Join(s.labels, ",")), captures*len(s.labels))
}

// serveHTTP2 passes everything on to thumbedge, as nginx does before it.
func serveHTTP2(address string) *httptest.Server {
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", address
		r.Out.Header.Set("X-Forwarded-Proto", "https")
	}, Transport: &http.Transport{MaxIdleConnsPerHost: 100}})
	front.EnableHTTP2 = true
	front.StartTLS()
	return front
}

// fresh makes a database and returns its URL.
func (p *place) fresh(ctx context.Context) (url string, err error) {
	p.rounds++
	return p.server.CreateDatabase(ctx, fmt.Sprintf("round%d", p.rounds))
}

func migrate(ctx context.Context, database string) error {
	m, err := migrations.New(database, migrations.Names(postgres.Antenna), nil)
	if err != nil {
		return err
	}
	return m.Up(ctx)
}

func startBrowser(ctx context.Context) (browser context.Context, quit func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors", true))
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	browser, leave := chromedp.NewContext(allocator)
	quit = func() { leave(); end() }
	if err := chromedp.Do(browser); err != nil {
		quit()
		return nil, nil, fmt.Errorf("starting chromium: %w", err)
	}
	return browser, quit, nil
}

// open opens the gallery in a window that shares nothing with others, and returns
// how long it took from the page's request until the last image was shown, as the
// gallery itself took it.
func (p *place) open(url string, images int) (time.Duration, error) {
	tab, leave := chromedp.NewContext(p.browser, chromedp.WithNewBrowserContext())
	defer leave()
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(url)); err != nil {
		return 0, fmt.Errorf("opening the gallery: %w", err)
	}
	if _, err := chromedp.Run(tab, chromedp.Poll[chromedp.Void]("window.demo && window.demo.complete", chromedp.WithPollingInterval(20*time.Millisecond))); err != nil {
		return 0, fmt.Errorf("waiting for the gallery: %w", err)
	}
	shown, err := chromedp.Run(tab, chromedp.Evaluate[int](`demo.images.filter((image) => image.state === "loaded").length`))
	if err == nil && shown != images {
		err = fmt.Errorf("%d images of %d are shown", shown, images)
	}
	if err != nil {
		return 0, err
	}
	milliseconds, err := chromedp.Run(tab, chromedp.Evaluate[float64]("demo.lastImage"))
	return time.Duration(milliseconds * float64(time.Millisecond)), err
}
