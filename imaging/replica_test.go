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
	DieAt          string // the step after which it kills itself; "": never
	Captures       int    // it is asked for the two labels of as many at once
}

// replica renders as ordered, prints the URLs that it got, and ends.
func replica() {
	var o orders
	if err := json.Unmarshal([]byte(os.Getenv(replicaVariable)), &o); err != nil {
		panic(err)
	}
	r, closeAll, err := open(o.Database, o.Root, func(step string) {
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
				made, err := r.Thumbnail(context.Background(), 1, id, position)
				mu.Lock()
				defer mu.Unlock()
				fmt.Println("got", id, position, made.URL, err)
			})
		}
	}
	all.Wait()
}

// open makes a cold path on the real parts.
func open(database, root string, hook func(string)) (*imaging.Renderer, func(), error) {
	files, err := filesystem.New(filesystem.Config{Root: root, URLPath: "/media/"})
	if err != nil {
		return nil, nil, err
	}
	dbConfig := postgres.Defaults()
	dbConfig.URL, dbConfig.Keys, dbConfig.MaxConns = database, "thumbnails/", 8
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
	r, err := imaging.New(cfg, imaging.Deps{
		Database: store, Storage: files, Log: log, Metrics: imaging.NewMetrics(prometheus.NewRegistry()), Hook: hook,
	})
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
