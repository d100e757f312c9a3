package program_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// originals serves the same photo under every path, and counts the fetches.
type originals struct {
	*httptest.Server
	mu      sync.Mutex
	photo   []byte
	fetched map[string]int
	gate    chan struct{} // where every answer waits until it is closed; nil: none does
}

func serveOriginals(t *testing.T) *originals {
	o := &originals{photo: photo(t, 640, 480), fetched: map[string]int{}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.fetched[r.URL.Path]++
		photo, gate := o.photo, o.gate
		o.mu.Unlock()
		if gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(photo)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *originals) set(photo []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.photo = photo
}

// hold keeps every original back until release is called.
func (o *originals) hold() (release func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	gate := make(chan struct{})
	o.gate = gate
	return sync.OnceFunc(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		close(gate)
		o.gate = nil
	})
}

// byPath returns how often each original was fetched.
func (o *originals) byPath() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.fetched)
}

// reset begins to count anew, and returns what byPath did.
func (o *originals) reset() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	counted := o.fetched
	o.fetched = map[string]int{}
	return counted
}

func (o *originals) fetches() (all int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.fetched {
		all += n
	}
	return all
}

// photo makes a small JPEG with something to see on it.
func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y >> 8), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
