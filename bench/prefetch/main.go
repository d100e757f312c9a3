// Command prefetch measures, in a real browser, how long it takes until the last
// image of a gallery that nobody has opened before is shown, with rewrite.prefetch
// and without. It prints Markdown.
//
//	go run -tags turbojpeg ./bench/prefetch
//
// The browser is headless Chromium, the gallery the demo's: a page of 40 captures. It
// comes straight from thumbedge, six requests at a time over HTTP/1.1, or through a
// server that speaks HTTP/2, as nginx or a CDN does, and all at once. Originals are
// 4096×2160 photos from a server beside it, which answers at once, or after a delay, as
// one far away does. Each round begins with a fresh database and nothing stored; the
// settings take turns.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// setting is one thing to measure.
type setting struct {
	http2    bool
	labels   []string      // that the gallery shows
	delay    time.Duration // of each original
	prefetch []string
}

// settings returns what is measured: each way first without prefetch, then with.
func settings() (all []setting) {
	for _, http2 := range []bool{false, true} {
		for _, labels := range [][]string{{"small"}, {"small", "medium"}} {
			for _, delay := range []time.Duration{0, 100 * time.Millisecond} {
				all = append(all, setting{http2, labels, delay, nil}, setting{http2, labels, delay, labels})
			}
		}
	}
	return all
}

func main() {
	rounds := flag.Int("rounds", 3, "rounds of each; the median counts")
	album := flag.String("album", filepath.Join(os.TempDir(), "thumbedge-album"), "folder in which the photos are kept")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := compare(ctx, *album, *rounds)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/prefetch:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, album string, rounds int) error {
	photos, err := sampleapp.Album{Dir: album}.Draw(ctx, os.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "te-prefetch-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: filepath.Join(dir, "db")})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	browser, quit, err := startBrowser(ctx)
	if err != nil {
		return err
	}
	defer quit()
	p := &place{dir: dir, photos: photos, server: server, browser: browser}
	times := make([][]time.Duration, len(settings()))
	for round := range rounds {
		for i, s := range settings() {
			took, err := p.measure(ctx, s)
			if err != nil {
				return fmt.Errorf("round %d, %+v: %w", round+1, s, err)
			}
			times[i] = append(times[i], took)
		}
	}
	report(os.Stdout, times)
	return nil
}

// report prints the medians, and each one's ratio to that without prefetch.
func report(out io.Writer, times [][]time.Duration) {
	fmt.Fprintf(out, "Until the last image of a cold gallery of %d captures is shown, in Chromium, %d cores, %d rounds of each (medians; lowest and highest).\n\n",
		captures, runtime.NumCPU(), len(times[0]))
	fmt.Fprint(out, "| protocol | labels shown | delay of an original | rewrite.prefetch | time | to without |\n|---|---|---|---|---|---|\n")
	var without time.Duration
	for i, s := range settings() {
		slices.Sort(times[i])
		median := times[i][len(times[i])/2]
		if len(s.prefetch) == 0 {
			without = median
		}
		protocol := "HTTP/1.1"
		if s.http2 {
			protocol = "HTTP/2"
		}
		fmt.Fprintf(out, "| %s | %s | %d ms | [%s] | %.2f s (%.2f–%.2f) | %.2f |\n", protocol, strings.Join(s.labels, ", "), s.delay.Milliseconds(),
			strings.Join(s.prefetch, ", "), median.Seconds(), times[i][0].Seconds(), slices.Max(times[i]).Seconds(), float64(median)/float64(without))
	}
}
