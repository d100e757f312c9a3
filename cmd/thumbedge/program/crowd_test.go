package program_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// crowd is 200 clients, each with a page of its own of a project of which nothing
// is in memory.
const crowd = 200

// crowdSite is a site with a capture for each, warm in label small, and a link with
// faults before its database.
func crowdSite(t *testing.T, options ...siteOption) (*site, *testenv.FaultyLink) {
	t.Helper()
	var link *testenv.FaultyLink
	s := newSite(t, append(options, recorded, func(s *site) {
		s.file.Database.ListenURL = s.file.Database.URL
		link = throughLink(s, &s.file.Database.URL)
		s.file.Database.URL += "&application_name=thumbedge"
	})...)
	for _, id := range s.captures(crowd) {
		s.row(id, "small", 240)
	}
	for n := range crowd {
		s.page(s.url, fmt.Sprintf("limit=1&offset=%d", n)) // is recorded now
	}
	s.program.WarmSet().Clear()
	return s, link
}

// arrives has all clients ask at once, each with a query of its own, and returns how
// many pages were rewritten.
func (s *site) arrives(query func(client int) string) (warm int) {
	s.Helper()
	var clients sync.WaitGroup
	var mu sync.Mutex
	for n := range crowd {
		clients.Go(func() {
			response, body := s.get(s.url + "/api/v2/captures/?" + query(n))
			mu.Lock()
			defer mu.Unlock()
			if response.StatusCode != http.StatusOK {
				s.Errorf("client %d got %s", n, response.Status)
			}
			if bytes.Contains(body, []byte("/media/thumbnails/")) {
				warm++
			}
		})
	}
	clients.Wait()
	return warm
}

// TestCrowdOnAColdProject: the pool's limit holds whatever the database does, and no
// page waits for it longer than database.page_timeout.
func TestCrowdOnAColdProject(t *testing.T) {
	t.Parallel()
	s, link := crowdSite(t, with(promptly), with(func(f *config.File) { f.Database.MaxConns = 4 }))
	link.Set(testenv.Fault{Type: "latency", Attributes: map[string]int{"latency": 100}})
	stalls, start := testenv.WatchStalls(t), time.Now()
	watched, most := s.watchConnections()
	warm := s.arrives(func(n int) string { return fmt.Sprintf("limit=1&offset=%d", n) })
	watched()
	// Giving a query up closes its connection, which the database may notice after the next.
	given := s.metric(`thumbedge_warmset_queries_total{outcome="timeout"}`) + s.metric(`thumbedge_warmset_queries_total{outcome="failed"}`)
	if n, limit := most(), s.file.Database.MaxConns+int(given); n == 0 || n > limit {
		t.Errorf("the database saw %d connections, want %d at most", n, limit)
	}
	waited := s.metric(`thumbedge_warmset_wait_seconds_count`)
	longer := waited - s.metric(`thumbedge_warmset_wait_seconds_bucket{le="0.3"}`)
	if stood := stalls.Since(start); longer > 0 && stood < 50*time.Millisecond {
		t.Errorf("%v of %v pages waited longer than %v, and the machine stood still for %v only", longer, waited, s.file.Database.PageTimeout, stood)
	}
	if warm == crowd {
		t.Error("every page was rewritten: the database was not busy enough to show anything")
	}
	link.Set()
	s.eventually("every page is rewritten", func() bool {
		return s.arrives(func(n int) string { return fmt.Sprintf("limit=1&offset=%d", n) }) == crowd
	})
	t.Logf("%d of %d pages were rewritten at once, %v waited for longer than 0.3 s", warm, crowd, longer)
}

// watchConnections watches how many connections the pool has at most.
func (s *site) watchConnections() (stop func(), most func() int) {
	ctx, cancel := context.WithCancel(s.Context())
	var watching sync.WaitGroup
	var seen int
	watching.Go(func() {
		for ctx.Err() == nil {
			seen = max(seen, one[int](s, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'thumbedge'`))
		}
	})
	return func() { cancel(); watching.Wait() }, func() int { return seen }
}

// TestEqualPagesAtOnce: one query, which is held until every client waits for it.
func TestEqualPagesAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := crowdSite(t)
	const page = "limit=40&offset=3"
	s.page(s.url, page) // is recorded now
	s.program.WarmSet().Clear()
	lock, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Rollback(context.Background()) }()
	if _, err := lock.Exec(t.Context(), `LOCK TABLE main_sourceimagethumbnail`); err != nil {
		t.Fatal(err)
	}
	answered := s.recorded.answered.Load()
	go func() {
		s.eventually("every client has the app's answer, and waits", func() bool { return s.recorded.answered.Load() >= answered+crowd })
		_ = lock.Rollback(context.Background())
	}()
	var warm int
	if queries := s.queries.during(func() { warm = s.arrives(func(int) string { return page }) }); queries != 1 || warm != crowd {
		t.Errorf("%d queries for %d equal pages at once, want 1; %d were rewritten", queries, crowd, warm)
	}
}

// TestBehindAPooler: pgbouncer in transaction mode lies before the database, three
// connections wide; the listener has its own way.
func TestBehindAPooler(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *site) {
		s.file.Database.ListenURL = s.file.Database.URL
		s.file.Database.URL = testenv.Pgbouncer(t, s.database)
		s.file.Database.Pooler = true
	})
	ids := s.captures(20)
	for _, id := range ids[:10] {
		s.row(id, "small", 240)
	}
	s.caughtUp()
	for round, want := range []int64{1, 0} {
		if queries := s.queries.during(func() { s.page(s.url, "") }); queries != want {
			t.Errorf("round %d: %d queries for a page, want %d", round, queries, want)
		}
	}
	var clients sync.WaitGroup
	for _, id := range ids[10:] {
		clients.Go(func() { s.fetch(s.redirected(id, "?label=small")) })
	}
	clients.Wait()
	s.eventually("every thumbnail is warm", func() bool {
		page := s.page(s.url, "limit=20")
		return bytes.Count(page, []byte("/media/thumbnails/")) == len(ids)
	})
	s.exec(`UPDATE main_sourceimage SET last_modified = now() WHERE id = $1`, ids[0])
	s.eventually("a change shows", func() bool {
		return bytes.Count(s.page(s.url, "limit=20"), []byte("/media/thumbnails/")) == len(ids)-1
	})
	if n := s.log.count("level=WARN"); n > 0 {
		t.Errorf("%d warnings", n)
	}
}
