package drive

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
)

// source serves the originals, and records who fetches them. Its connections are used
// once, so that no HTTP client tries again by itself.
type source struct {
	*recorder
	server *httptest.Server
	slow   atomic.Int64 // nanoseconds that an original takes at most

	mu       sync.Mutex
	contents map[int64]int // of captures
}

func serveOriginals(t testing.TB, r *recorder) *source {
	s := &source{recorder: r, contents: map[int64]int{}}
	s.server = httptest.NewUnstartedServer(s)
	s.server.Config.SetKeepAlivesEnabled(false)
	s.server.Start()
	t.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// path is where a capture's original lies.
func (s *source) path(capture int64) string { return fmt.Sprintf("night/%d.jpg", capture) }

// replace puts the next content in the place of an original's.
func (s *source) replace(capture int64) (content int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contents[capture]++
	return s.contents[capture]
}

func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var capture int64
	if _, err := fmt.Sscanf(r.URL.Path, "/night/%d.jpg", &capture); err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.mu.Lock()
	content := s.contents[capture]
	s.mu.Unlock()
	fetch := history.Fetch{Start: s.now(), Capture: capture, Content: content}
	s.record(func(h *history.History) { h.Fetches = append(h.Fetches, fetch) })
	if slow := s.slow.Load(); slow > 0 {
		select {
		case <-time.After(time.Duration(slow/2 + rand.Int64N(slow/2+1))):
		case <-r.Context().Done():
			return
		}
	}
	_, _ = w.Write(drawOriginal(history.Picture{Capture: capture, Content: content}))
}
