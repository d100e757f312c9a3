package program_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// oneByOne is a host of originals that gives one for each value sent to next, in the
// order in which they were asked for.
type oneByOne struct {
	*httptest.Server
	next  chan struct{}
	mu    sync.Mutex
	order []string // paths, as they were given
}

func newOneByOne(t *testing.T) *oneByOne {
	t.Helper()
	o := &oneByOne{next: make(chan struct{})}
	picture := photo(t, 640, 480)
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-o.next:
		case <-r.Context().Done():
			return
		}
		o.mu.Lock()
		o.order = append(o.order, r.URL.Path)
		o.mu.Unlock()
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(picture)
	}))
	t.Cleanup(o.Close)
	return o
}

// One client that asked for a hundred cold thumbnails of a slow host once kept the next
// client's single one waiting behind all of them, and when it had filled the queue, out
// altogether. Both come through one trusted proxy.
func TestOneClientsQueueKeepsNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	for name, queue := range map[string]int{"room for all": 256, "full": 60} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, with(func(f *config.File) {
				f.Render.Workers, f.Render.Queue = 1, queue
				f.Render.MaxWait, f.Source.ReadTimeout = time.Minute, time.Minute
			}))
			slow := newOneByOne(t)
			ids := s.captures(101)
			s.exec(`UPDATE main_sourceimage SET public_base_url = $2 WHERE id = ANY($1)`, ids, slow.URL+"/")
			var clients sync.WaitGroup
			ask := func(id int64, client string) (status int) {
				response, _ := s.get(s.route(id, "?label=medium"), "X-Forwarded-For", client)
				return response.StatusCode
			}
			for _, id := range ids[:100] {
				clients.Go(func() { ask(id, "203.0.113.7") })
			}
			// The host has its share of the turns, six, and all others that there is room for
			// wait for it.
			limited := `thumbedge_cold_host_limited_total{share="turns"}`
			waiting := float64(min(100, queue+1) - 6)
			s.eventually("the first client's captures wait", func() bool { return s.metric(limited) >= waiting })
			answered := make(chan int)
			go func() { answered <- ask(ids[100], "198.51.100.1") }()
			s.eventually("the second client's waits, too", func() bool { return s.metric(limited) >= waiting+1 })
			var status int
			for status == 0 {
				select {
				case slow.next <- struct{}{}:
				case status = <-answered:
				}
			}
			close(slow.next)
			clients.Wait()
			path := one[string](s, `SELECT path FROM main_sourceimage WHERE id = $1`, ids[100])
			at := slices.IndexFunc(slow.order, func(given string) bool { return strings.HasSuffix(given, path) })
			// Six are being fetched when it comes, and six may be when its turn has come.
			if status != http.StatusFound || at < 0 || at >= 12 {
				t.Errorf("the second client got %d, and its original was given as number %d of %d", status, at+1, len(slow.order))
			}
		})
	}
}
