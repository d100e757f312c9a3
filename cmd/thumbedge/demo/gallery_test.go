package demo_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// cards times labels is what a page of the gallery shows.
const images = 40 * 2

// pageQueries counts the queries of pages.
type pageQueries struct{ n atomic.Int64 }

func (q *pageQueries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "unnest") {
		q.n.Add(1)
	}
	return ctx
}

func (q *pageQueries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestGallery opens the demo's gallery in a browser: cold, then warm, then straight
// at the app.
func TestGallery(t *testing.T) {
	t.Parallel()
	var queries pageQueries
	d, err := demo.Start(t.Context(), demo.Options{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Width: 512, Progress: io.Discard, Log: slog.New(slog.DiscardHandler), Tracer: &queries,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Errorf("the demo did not close in order: %v", err)
		}
	})
	route := func(base string) func(string) bool {
		return func(url string) bool { return strings.HasPrefix(url, base+"/api/v2/captures/thumbnails/") }
	}
	stored := func(url string) bool { return strings.Contains(url, "/media/thumbnails/capture_") }

	cold := open(t, d, "proxy")
	if n := cold.Count(route(d.URL)); n != images {
		t.Errorf("cold: %d requests for thumbnails at thumbedge, want %d", n, images)
	}
	if n := d.App.Counters().Thumbnail; n != 0 {
		t.Errorf("cold: %d thumbnail requests reached the app, want 0", n)
	}

	before := queries.n.Load()
	warm := open(t, d, "proxy")
	if n := warm.Count(route(d.URL)) + warm.Count(route(d.AppURL)); n != 0 {
		t.Errorf("warm: %d requests for thumbnails at the route, want 0", n)
	}
	if n := warm.Count(stored); n != images {
		t.Errorf("warm: %d images came straight from storage, want %d", n, images)
	}
	if n := d.App.Counters().Thumbnail; n != 0 {
		t.Errorf("warm: %d thumbnail requests reached the app, want 0", n)
	}
	if n := queries.n.Load() - before; n > 1 {
		t.Errorf("the first warm page took %d queries, want at most 1", n)
	}
	before = queries.n.Load()
	open(t, d, "proxy")
	if n := queries.n.Load() - before; n != 0 {
		t.Errorf("the same page again took %d queries, want 0", n)
	}

	direct := open(t, d, "app")
	if n := d.App.Counters().Thumbnail; n != images {
		t.Errorf("straight to the app: %d thumbnail requests reached it, want %d", n, images)
	}
	galleryIsColdAgain(t, d)
	galleryIsShared(t, d)
	galleryOfMembers(t, d)
	for name, tab := range map[string]*testenv.Tab{"gallery": warm, "gallery_app": direct} {
		picture(t, name, tab.Screenshot(1280, "light"))
	}
}

// open loads the gallery, two labels a card, and returns when every image is shown.
func open(t *testing.T, d *demo.Demo, via string) *testenv.Tab {
	t.Helper()
	tab := testenv.Browser(t)
	tab.Open(fmt.Sprintf("%s/?via=%s&labels=small,medium", d.URL, via))
	tab.Wait("window.demo && (window.demo.complete || window.demo.error)")
	var shown struct {
		Loaded, Failed int
		Error          string
	}
	tab.Eval(`({Error: demo.error, Loaded: demo.images.filter((i) => i.state === "loaded").length, Failed: demo.images.filter((i) => i.state === "failed").length})`, &shown)
	if shown.Loaded != images || shown.Failed != 0 {
		t.Errorf("via %s: %d images are shown and %d are broken, want %d and 0: %s", via, shown.Loaded, shown.Failed, images, shown.Error)
	}
	return tab
}

// picture keeps the top of a screenshot among the artefacts of the test run, as the
// README shows it (make pictures).
func picture(t *testing.T, name string, screenshot []byte) {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(screenshot))
	if err != nil {
		t.Fatal(err)
	}
	top := image.NewRGBA(image.Rect(0, 0, whole.Bounds().Dx(), min(950, whole.Bounds().Dy())))
	draw.Draw(top, top.Bounds(), whole, image.Point{}, draw.Src)
	var small bytes.Buffer
	if err := jpeg.Encode(&small, top, &jpeg.Options{Quality: 85}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("..", "..", "..", "artefacts")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".jpg"), small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
