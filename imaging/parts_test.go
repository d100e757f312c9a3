package imaging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const small, medium, large = 0, 1, 2

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// coldPath is a Renderer with its parts, each of which a test may bend.
type coldPath struct {
	*Renderer
	database *memoryDatabase
	storage  *memoryStorage
	origin   *origin
	// decodes counts decodings, and decoding is called in each, before it begins.
	decodes  atomic.Int32
	decoding func()
	// starting is called with the original of each decoding, likewise.
	starting func(original string)
	// price is what a plan says it takes.
	price func(specs thumb.Specs) int64
}

// newColdPath starts a Renderer on loopback, whose rendering is faked: the picture
// is the label's name, over the original's bytes.
func newColdPath(t *testing.T, edit ...func(*Config, *Deps)) *coldPath {
	t.Helper()
	c := &coldPath{database: newMemoryDatabase(), storage: newMemoryStorage(), decoding: func() {}, starting: func(string) {},
		price: func(thumb.Specs) int64 { return 1 << 20 }}
	c.start(t, edit...)
	c.inspect = func(original []byte, specs thumb.Specs, _ int64) (*plan, error) {
		if strings.HasPrefix(string(original), "broken") {
			return nil, fmt.Errorf("%w: not an image", thumb.ErrOriginalUnusable)
		}
		if strings.HasPrefix(string(original), "foreign") {
			return nil, fmt.Errorf("%w: a format of the app's", thumb.ErrOriginalForApp)
		}
		return &plan{memory: c.price(specs), render: func(ctx context.Context, _ int) ([]render.Picture, error) {
			c.decodes.Add(1)
			c.starting(string(original))
			c.decoding()
			var pictures []render.Picture
			for _, spec := range specs {
				pictures = append(pictures, render.Picture{JPEG: []byte(spec.Label + " of " + string(original)), Width: spec.Width, Height: 100})
			}
			return pictures, ctx.Err()
		}}, nil
	}
	return c
}

func (c *coldPath) start(t *testing.T, edit ...func(*Config, *Deps)) {
	t.Helper()
	cfg := testConfig()
	deps := Deps{
		Database: c.database, Storage: c.storage, Buckets: memoryBuckets{},
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
	}
	for _, e := range edit {
		e(&cfg, &deps)
	}
	r, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	c.Renderer = r
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
}

func testConfig() Config {
	cfg := Defaults()
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	cfg.Source.AllowPrivateNetworks = true
	cfg.Render.Workers = 2
	return cfg
}

// stored makes a capture whose original lies in the proxy's own storage, so that
// nothing of the test goes over a network.
func (c *coldPath) stored(id thumb.ID, content string) {
	key := fmt.Sprintf("uploads/%d.jpg", id)
	c.storage.put(key, content)
	c.database.add(id, "/media/", key, noon)
}

// idle waits until no capture is in hand: a job outlives its clients by a moment.
func (c *coldPath) idle(t *testing.T) {
	t.Helper()
	eventually.Holds(t, "nothing is in hand", func() bool { s := c.State(); return s.Captures.Now == 0 && s.Working.Now == 0 })
}

// fetched makes a capture whose original an HTTP server has.
func (c *coldPath) fetched(t *testing.T, id thumb.ID, content string) {
	if c.origin == nil {
		c.origin = newOrigin(t)
	}
	c.database.add(id, c.origin.URL+"/", c.origin.put(id, content), noon)
}

// get asks for a label and fails the test where it is not made.
func (c *coldPath) get(t *testing.T, id thumb.ID, position int) Thumbnail {
	t.Helper()
	made, err := c.Thumbnail(t.Context(), id, position)
	if err != nil {
		t.Fatalf("capture %d: %v", id, err)
	}
	return made
}

// Thumbnail is the Renderer's, for one and the same client.
func (c *coldPath) Thumbnail(ctx context.Context, id thumb.ID, position int) (Thumbnail, error) {
	return c.Renderer.Thumbnail(ctx, 1, id, position)
}

// check fails the test where a row names a missing file.
func (c *coldPath) check(t *testing.T) {
	t.Helper()
	c.database.mu.Lock()
	defer c.database.mu.Unlock()
	for id, work := range c.database.captures {
		for _, row := range work.Capture.Rows {
			if ok, _ := c.storage.Exists(t.Context(), row.Path); !ok && row.Path != "" {
				t.Errorf("capture %d: the row of %s names %s, which is not there", id, row.Label, row.Path)
			}
		}
	}
}

// origin is a server of originals that counts what is fetched.
type origin struct {
	*httptest.Server
	mu      sync.Mutex
	files   map[string]string
	fetches map[string]int
}

func newOrigin(t testing.TB) *origin {
	o := &origin{files: map[string]string{}, fetches: map[string]int{}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		content, ok := o.files[r.URL.Path]
		o.fetches[r.URL.Path]++
		o.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, content)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *origin) put(id thumb.ID, content string) (path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	path = fmt.Sprintf("photos/%d.jpg", id)
	o.files["/"+path] = content
	return path
}

func (o *origin) fetchesOf(id thumb.ID) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fetches[fmt.Sprintf("/photos/%d.jpg", id)]
}

// photo reads one of the made-up photos.
func photo(t testing.TB, name string) string {
	t.Helper()
	bytes, err := os.ReadFile("render/testdata/photos/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes)
}
