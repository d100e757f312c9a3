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
// nothing stored; the app, thumbedge with every core always (render.workers set to their
// number), and thumbedge as it is (one core fewer while others ask for pages) take turns.
// The first start draws the photos, and keeps them.
//
// With every core always, on two cores, other visitors' p99 is 4 to 8 times their idle
// one, and what that is made of has been looked at (perf sched, and the moments of slow
// requests):
//
//   - With rendering replaced by waiting as long, it is 1.25 to 1.6 times: that is
//     what fetching, storing, commits and the client itself come to.
//   - With one core left to them (-renderers 1) it is 2.3 to 2.9 times, and the
//     gallery takes 0.57 of the app's time rather than 0.4.
//   - A thread that gives way does so within its scheduling group alone: a service's
//     or a container's cgroup, a session's autogroup. The database, in another, waits
//     for the kernel's next tick (4 ms) behind any thread of thumbedge's, however nice.
//   - When every processor of Go's is in a call of libjpeg-turbo, the runtime notices
//     up to 10 ms late that a connection is ready.
//
// Tried, and within what runs differ by: SCHED_IDLE or nice 19 instead of nice 10, a
// slice of 0.1 ms (sched_setattr), all of rendering on a nice thread of Go's (worse),
// processors of Go's for the renderers on top (the gallery 6 % slower).
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
	"runtime"

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
	flag.IntVar(&p.Renderers, "renderers", 0, "thumbedge's render.workers; 0: as many as cores, its default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if p.name != "" {
		err = p.run(ctx)
	} else {
		err = compare(ctx, *album, *rounds, p.Renderers)
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
	renderers int    // render.workers
	rounds    int    // so far
}

func compare(ctx context.Context, album string, rounds, renderers int) error {
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
	app, every, edge := &kind{}, &kind{through: true, renderers: runtime.NumCPU()}, &kind{through: true, renderers: renderers}
	for range rounds {
		for _, k := range []*kind{app, every, edge} {
			p.renderers = k.renderers
			f, err := p.quiet(ctx, k.through)
			if err != nil {
				return err
			}
			if err := p.busy(ctx, k.through, &f); err != nil {
				return err
			}
			k.rounds = append(k.rounds, f)
		}
	}
	report(os.Stdout, app.rounds, every.rounds, edge.rounds)
	return nil
}

// kind is who answers in a round, and what came of its rounds.
type kind struct {
	through   bool // thumbedge
	renderers int
	rounds    []figures
}

// fresh makes a database for one round, with the app's tables, and returns its URL.
func (p *place) fresh(ctx context.Context) (string, error) {
	p.rounds++
	return p.server.CreateDatabase(ctx, fmt.Sprintf("round%d", p.rounds))
}
