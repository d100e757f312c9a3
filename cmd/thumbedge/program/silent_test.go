package program_test

import (
	"math/bits"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// silentHost is a host of originals that accepts connections and says nothing.
type silentHost struct {
	net.Listener
	mu       sync.Mutex
	accepted int
	open     []net.Conn
	gone     bool // it hangs up at once
}

func newSilentHost(t *testing.T) *silentHost {
	t.Helper()
	l, err := net.Listen("tcp", testenv.FreeAddress(t)) // a port that it gets again
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
			if h.open = append(h.open, conn); h.gone {
				_ = conn.Close()
			}
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

// hangUp closes every connection, those to come too.
func (h *silentHost) hangUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, conn := range h.open {
		_ = conn.Close()
	}
	h.open, h.gone = nil, true
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
	left := time.Now()
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
	// A request is let through after a second, after two more, after four, and so on.
	may := max(1, bits.Len(uint(time.Since(left)/time.Second)+1)-1)
	if n := silent.connections() - before; n > may {
		t.Errorf("the host was asked %d times while it was left alone, want %d at most", n, may)
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
