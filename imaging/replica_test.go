package imaging_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// These tests run replicas on a real PostgreSQL and a real folder. A replica is a
// process: this test binary, started anew with its orders in the environment.

// orders is what a replica is told.
type orders struct {
	Database, Root string
	PrivateRoot    string // "": no private storage
	DieAt          string // the step after which it kills itself; "": never
	Captures       int    // it is asked for the two labels of as many at once
	Project        int64  // whose drafts they are; 0: they are public
}

// replica renders as ordered, prints the URLs that it got, and ends.
func replica() {
	var o orders
	if err := json.Unmarshal([]byte(os.Getenv(replicaVariable)), &o); err != nil {
		panic(err)
	}
	r, closeAll, err := open(o.Database, o.Root, o.PrivateRoot, func(step string) {
		if step == o.DieAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err != nil {
		panic(err)
	}
	defer closeAll()
	var all sync.WaitGroup
	var mu sync.Mutex
	for id := thumb.ID(1); id <= thumb.ID(o.Captures); id++ {
		for position := range 2 {
			all.Go(func() {
				ask := r.Thumbnail
				if o.Project != 0 {
					ask = func(ctx context.Context, client thumb.Client, id thumb.ID, position int) (imaging.Thumbnail, error) {
						return r.PrivateThumbnail(ctx, client, id, position, o.Project)
					}
				}
				made, err := ask(context.Background(), 1, id, position)
				mu.Lock()
				defer mu.Unlock()
				fmt.Println("got", id, position, made.URL+made.Key, err)
			})
		}
	}
	all.Wait()
}

// open makes a cold path on the real parts.
func open(database, root, privateRoot string, hook func(string), edits ...func(*imaging.Config)) (*imaging.Renderer, func(), error) {
	files, err := filesystem.New(filesystem.Config{Root: root, URLPath: "/media/"})
	if err != nil {
		return nil, nil, err
	}
	dbConfig := postgres.Defaults()
	dbConfig.URL, dbConfig.Keys, dbConfig.MaxConns = database, "thumbnails/", 8
	if privateRoot != "" {
		dbConfig.PrivateKeys = "drafts/"
	}
	pool, err := postgres.Open(dbConfig, nil)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := postgres.New(dbConfig, pool, log, postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		return nil, nil, err
	}
	cfg := imaging.Defaults()
	cfg.Specs = thumb.Specs{{Label: "small", Width: 40}, {Label: "medium", Width: 80}}
	cfg.Source.AllowPrivateNetworks = true
	cfg.Render.Workers = 2
	cfg.Render.MaxWait = time.Minute
	cfg.PrivateKeys, cfg.SweepRate = dbConfig.PrivateKeys, 1000
	for _, edit := range edits {
		edit(&cfg)
	}
	deps := imaging.Deps{
		Database: store, Storage: files, Log: log, Metrics: imaging.NewMetrics(prometheus.NewRegistry()), Hook: hook,
	}
	if privateRoot != "" {
		private, err := filesystem.New(filesystem.Config{Root: privateRoot, Private: true})
		if err != nil {
			return nil, nil, err
		}
		deps.Private = &imaging.Private{Rows: store.Private(), Drafts: store, Storage: private}
	}
	r, err := imaging.New(cfg, deps)
	if err != nil {
		return nil, nil, err
	}
	return r, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			log.Warn("closing", slog.Any("error", err))
		}
		pool.Close()
		_ = files.Close()
	}, nil
}
