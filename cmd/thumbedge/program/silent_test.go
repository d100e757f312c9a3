package program_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// silentHost is a host of originals that accepts connections and says nothing.
type silentHost struct {
	net.Listener
	mu       sync.Mutex
	accepted int
	open     []net.Conn
}

func newSilentHost(t *testing.T) *silentHost {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &silentHost{Listener: l}
	t.Cleanup(func() { _ = l.Close(); h.hangUp() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.accepted++
			h.open = append(h.open, conn)
			h.mu.Unlock()
		}
	}()
	return h
}

func (h *silentHost) url() string { return "http://" + h.Addr().String() }

func (h *silentHost) connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.accepted
}

// hangUp closes every connection.
func (h *silentHost) hangUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, conn := range h.open {
		_ = conn.Close()
	}
	h.open = nil
}

// A dead host of originals once took every turn of the cold path for source.read_timeout
// when twelve of its captures were asked for, and again on each reload: captures of
// every other host got 503. It gets its share, and is left alone once it has shown
// that it does not answer.
func TestSilentHostOfOriginalsStallsNobodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t, with(func(f *config.File) {
		f.Render.Workers, f.Source.ReadTimeout = 1, time.Hour
		f.Source.RetryAfter = time.Hour
		f.Render.MaxWait = 5 * time.Second
	}))
	silent := newSilentHost(t)
	at := func(base string, n int) []int64 {
		ids := s.captures(n)
		s.exec(`UPDATE main_sourceimage SET public_base_url = $2 WHERE id = ANY($1)`, ids, base+"/")
		return ids
	}
	stalled, healthy := at(silent.url(), 40), s.captures(6)
	var waiting sync.WaitGroup
	statuses := make([]int, len(stalled))
	ask := func(ids []int64, statuses []int) {
		for i, id := range ids {
			waiting.Go(func() {
				response, _ := s.get(s.route(id, "?label=medium"))
				statuses[i] = response.StatusCode
			})
		}
	}
	ask(stalled, statuses)
	s.eventually("the silent host has its share of the turns", func() bool { return silent.connections() >= 6 })
	for _, id := range healthy {
		response, body := s.get(s.route(id, "?label=medium"))
		if response.StatusCode != http.StatusFound {
			t.Errorf("a capture of a healthy host got %s while the other was silent: %s", response.Status, body)
			break
		}
		s.fetch(response.Header.Get("Location"))
	}
	if n := silent.connections(); n > 6 {
		t.Errorf("the silent host got %d of 12 turns", n)
	}
	silent.hangUp()
	waiting.Wait()
	for i, status := range statuses {
		if status != http.StatusServiceUnavailable && status != http.StatusBadGateway {
			t.Errorf("a capture of the silent host got %d", statuses[i])
		}
	}

	// The page is loaded again, by others too: nobody waits for the host.
	before := silent.connections()
	again := at(silent.url(), 40)
	statuses = make([]int, len(again))
	ask(again, statuses)
	waiting.Wait()
	for _, status := range statuses {
		if status != http.StatusBadGateway {
			t.Errorf("a capture of a host that is left alone got %d, want 502", status)
		}
	}
	if n := silent.connections() - before; n > 1 {
		t.Errorf("the host was asked %d times while it was left alone", n)
	}

	// It comes back.
	_ = silent.Close()
	back := httptest.NewUnstartedServer(s.originals.Config.Handler)
	var err error
	if back.Listener, err = net.Listen("tcp", silent.Addr().String()); err != nil {
		t.Fatal(err)
	}
	back.Start()
	defer back.Close()
	s.eventually("the host's captures come up when it answers again", func() bool {
		response, _ := s.get(s.route(at(silent.url(), 1)[0], "?label=medium"))
		return response.StatusCode == http.StatusFound
	})
}
