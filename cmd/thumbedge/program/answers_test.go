package program_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// busyHere is a 503 that a browser does not keep, and that says when to ask again.
func (s *site) busyHere(what, target string) {
	s.Helper()
	response, body := s.get(target)
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || response.Header.Get("Cache-Control") != "no-store" {
		s.Errorf("%s: %s, %v, %.100s", what, response.Status, response.Header, body)
	}
}

// TestBusy: the queue is full, a client's patience is over, another replica's lease
// outlasts it. Nobody is told to keep that, and whoever was let in gets a thumbnail.
func TestBusy(t *testing.T) {
	t.Parallel()
	s := newSite(t, with(func(f *config.File) { f.Render.Workers, f.Render.Queue = 1, 2 }))
	release := s.originals.hold()
	defer release()
	ids := s.captures(3) // as many as may be in hand
	var clients sync.WaitGroup
	for _, id := range ids {
		clients.Go(func() { s.redirected(id, "?label=medium") })
	}
	// One host of originals is asked for as many at once as leave others their part.
	s.eventually("all of them are in hand", func() bool { return s.metric(`thumbedge_cold_used{resource="captures"}`) == float64(len(ids)) })
	s.busyHere("the queue is full", s.route(s.capture(), "?label=medium"))
	release()
	clients.Wait()

	hasty := s.another(func(f *config.File) { f.Render.MaxWait = 300 * time.Millisecond })
	id := s.capture()
	s.exec(`INSERT INTO thumbedge.lease (capture_id, holder, until) VALUES ($1, 'another', now() + interval '1 hour')`, id)
	hasty.busyHere("leased elsewhere", hasty.route(id, "?label=medium"))
	if n := s.originals.fetches(); n != len(ids) {
		t.Errorf("%d originals were fetched, want %d", n, len(ids))
	}
}

// TestDatabaseDown: a thumbnail that nothing is known of is the app's to answer for.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	var database *testenv.FaultyLink
	s := newSite(t, func(s *site) { database = throughLink(s, &s.file.Database.URL) })
	id := s.capture()
	database.Down()
	response, body := s.get(s.route(id, "?label=small"))
	if n := s.app.Counters().Thumbnail; response.StatusCode != http.StatusFound || n != 1 {
		t.Errorf("%s %.100s, and %d requests reached the app", response.Status, body, n)
	}
}
