// Command cold measures what a person waits for a gallery that nobody has opened
// before: the app making the thumbnails inside its web requests, one label at a
// time with Pillow, against thumbedge in front of the same app; and what the app's
// other visitors notice meanwhile. It prints Markdown.
//
//	go run -tags turbojpeg ./bench/cold
//
// It needs Debian's python3-pil. The app (its web workers are two), thumbedge and
// PostgreSQL are processes of their own; originals come from a server beside the
// client, which is a browser's: six connections, a page first, then its images in
// their order, redirects followed. Each round begins with a fresh database and
// nothing stored; the two take turns. The first start draws the photos, and keeps
// them.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

func main() {
	rounds := flag.Int("rounds", 5, "rounds of each; the median counts")
	album := flag.String("album", filepath.Join(os.TempDir(), "thumbedge-album"), "folder in which the photos are kept")
	var p part
	flag.StringVar(&p.name, "part", "", "run as one of the parts (internal): app or thumbedge")
	flag.StringVar(&p.Database, "database", "", "(internal)")
	flag.StringVar(&p.Media, "media", "", "(internal)")
	flag.StringVar(&p.Originals, "originals", "", "(internal)")
	flag.StringVar(&p.App, "app", "", "(internal)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if p.name != "" {
		err = p.run(ctx)
	} else {
		err = compare(ctx, *album, *rounds)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/cold:", err)
		os.Exit(1)
	}
}

// place is where the rounds happen.
type place struct {
	dir       string
	photos    []sampleapp.Photo
	server    *postgresd.Server
	originals string // URL
	rounds    int    // so far
}

func compare(ctx context.Context, album string, rounds int) error {
	photos, err := sampleapp.Album{Dir: album}.Draw(ctx, os.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "te-cold-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	database := filepath.Join(dir, "db")
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: database})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	originals := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer originals.Close()
	p := &place{dir: dir, photos: photos, server: server, originals: originals.URL}
	var app, edge []figures
	for range rounds {
		for _, through := range []bool{false, true} {
			f, err := p.quiet(ctx, through)
			if err != nil {
				return err
			}
			if f.idle, f.busy, err = p.busy(ctx, through); err != nil {
				return err
			}
			if through {
				edge = append(edge, f)
			} else {
				app = append(app, f)
			}
		}
	}
	report(os.Stdout, app, edge)
	return nil
}

// fresh makes a database for one round, with the app's tables, and returns its URL.
func (p *place) fresh(ctx context.Context) (string, error) {
	p.rounds++
	return p.server.CreateDatabase(ctx, fmt.Sprintf("round%d", p.rounds))
}
