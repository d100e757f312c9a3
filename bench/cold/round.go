package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/internal/bench"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

const (
	captures    = 40
	connections = 6                     // as browsers have to one host
	pace        = 20 * time.Millisecond // of other visitors
	idleTime    = 3 * time.Second
	other       = "/api/v2/events/?limit=10"
)

var labels = []string{"small", "medium"}

// figures are what one round came to.
type figures struct {
	gallery    time.Duration   // from the page's request to the last image's last byte
	among      time.Duration   // the same, among other visitors
	cpu        time.Duration   // of thumbedge, or of the app where it is alone
	idle, busy []time.Duration // that other visitors waited
}

// quiet opens a gallery once, cold, while nobody else asks for anything.
func (p *place) quiet(ctx context.Context, through bool) (f figures, err error) {
	url, end, err := p.site(ctx, through)
	if err != nil {
		return f, err
	}
	f.gallery, err = open(ctx, url, captures, 0)
	f.cpu = end()
	return f, err
}

// busy opens one among other visitors.
func (p *place) busy(ctx context.Context, through bool, f *figures) error {
	url, end, err := p.site(ctx, through)
	if err != nil {
		return err
	}
	defer end()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	visitor := &http.Client{Transport: transport, Timeout: time.Minute}
	visitors := func(ctx context.Context, long time.Duration, loaded <-chan struct{}) ([]time.Duration, error) {
		return bench.Visitors(ctx, pace, long, loaded, func(ctx context.Context) error {
			_, err := get(ctx, visitor, url+other)
			return err
		})
	}
	// The first requests, and the first cold thumbnails, open connections, which is
	// not what is measured.
	if _, err := open(ctx, url, 8, captures); err != nil {
		return err
	}
	if _, err := visitors(ctx, time.Second, nil); err != nil {
		return err
	}
	if f.idle, err = visitors(ctx, idleTime, nil); err != nil {
		return err
	}
	loaded := make(chan struct{})
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		f.busy, err = visitors(ctx, time.Hour, loaded)
		return err
	})
	both.Go(func() (err error) {
		defer close(loaded)
		f.among, err = open(ctx, url, captures, 0)
		return err
	})
	return both.Wait()
}

// site starts the app on a fresh database and, where asked, thumbedge before it.
func (p *place) site(ctx context.Context, through bool) (url string, end func() time.Duration, err error) {
	database, err := p.fresh(ctx)
	if err != nil {
		return "", nil, err
	}
	folder := fmt.Sprintf("media%d", p.rounds)
	app := part{name: "app", Database: database, Media: filepath.Join(p.dir, folder), Originals: p.originals + "/" + folder + "/originals/"}
	seeder, err := sampleapp.New(ctx, app.config(), slog.New(slog.DiscardHandler))
	if err != nil {
		return "", nil, err
	}
	err = seeder.Seed(ctx, p.photos, 2) // 24 photos a night
	if closed := seeder.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", nil, err
	}
	appURL, endApp, err := app.start(ctx)
	if err != nil || !through {
		return appURL, endApp, err
	}
	m, err := migrations.New(database, migrations.Names(postgres.Antenna), nil)
	if err == nil {
		err = m.Up(ctx)
	}
	if err != nil {
		endApp()
		return "", nil, err
	}
	edge := part{name: "thumbedge", Database: database, Media: app.Media, App: appURL, Renderers: p.renderers}
	url, endEdge, err := edge.start(ctx)
	if err != nil {
		endApp()
		return "", nil, err
	}
	return url, func() time.Duration {
		defer endApp()
		return endEdge()
	}, nil
}

// open opens a gallery as a browser does, and returns how long that took.
func open(ctx context.Context, site string, limit, offset int) (time.Duration, error) {
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Transport: transport, Timeout: time.Minute}
	began := time.Now()
	body, err := get(ctx, browser, fmt.Sprintf("%s/api/v2/captures/?limit=%d&offset=%d", site, limit, offset))
	if err != nil {
		return 0, err
	}
	var page struct {
		Results []struct{ Thumbnails map[string]string }
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return 0, fmt.Errorf("reading the page: %w", err)
	}
	if len(page.Results) != limit {
		return 0, fmt.Errorf("the page has %d captures, want %d", len(page.Results), limit)
	}
	images, ctx := errgroup.WithContext(ctx)
	images.SetLimit(connections)
	for _, capture := range page.Results {
		for _, label := range labels {
			images.Go(func() error {
				_, err := get(ctx, browser, capture.Thumbnails[label])
				return err
			})
		}
	}
	err = images.Wait()
	return time.Since(began), err
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s is %s: %.200s", url, response.Status, body)
	}
	return body, err
}
