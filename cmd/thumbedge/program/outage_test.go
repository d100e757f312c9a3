package program_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// outage is a site whose database is taken away, while clients load pages.
type outage struct {
	*site
	server, other *postgresd.Server   // other has the same data
	link          *testenv.FaultyLink // of the pool
	listening     *testenv.FaultyLink // of the listener
	stalls        *testenv.Stalls
	takers        []*pgx.Conn // of the connections that the server has

	want                   map[string][]byte // by query: the app's page
	pages, warm, unrewrote atomic.Int64
	wrong, timed, slow     atomic.Int64
	slowest                atomic.Int64 // of the timed ones, beyond the app's own time
}

// quietly says whether the machine has kept nobody waiting since a moment: only then
// does a time say anything about thumbedge.
func (o *outage) quietly(since time.Time) bool { return o.stalls.Since(since) < 20*time.Millisecond }

// TestDatabaseOutages: clients load pages all the while that the database is killed,
// slow, silent, full, a standby, and somewhere else. Every page is the app's own or a
// correct rewrite, none is slower than the app by more than outageLimit, a dead database is
// not asked for every page, and afterwards pages are warm again and no connection is
// left over.
func TestDatabaseOutages(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for client := range 6 {
		clients.Go(func() { o.load(ctx, client) })
	}
	for _, fault := range []struct {
		name         string
		strike, heal func()
		dead         bool // pages are not to be rewritten meanwhile, and the database is left alone
	}{
		{"killed", o.kill, o.restart, true},
		{"slow", func() {
			o.link.Set(testenv.Fault{Type: "latency", Attributes: map[string]int{"latency": 3000}})
		}, func() { o.link.Set() }, true},
		{"silent", func() { o.link.Set(silence...) }, func() { o.link.Down(); o.link.Set(); o.link.Up() }, true},
		{"listener silent", func() {
			o.listening.Set(silence...)
			o.eventually("the listener counts as not connected", func() bool { return !o.program.WarmSet().State().Connected })
		}, func() { o.listening.Down(); o.listening.Set(); o.listening.Up() }, false},
		{"out of connections", o.fillUp, o.makeRoom, true},
		{"a standby", o.makeStandby, o.promote, false},
		{"failed over", func() { o.link.Set(silence...); o.listening.Set(silence...) }, o.failOver, true},
	} {
		o.round(fault.name, fault.strike, fault.heal, fault.dead)
	}
	stop()
	clients.Wait()
	if o.wrong.Load() > 0 || o.slow.Load() > 0 || o.timed.Load() == 0 {
		t.Errorf("of %d pages %d were wrong; of %d that were timed %d were slow", o.pages.Load(), o.wrong.Load(), o.timed.Load(), o.slow.Load())
	}
	t.Logf("%d pages, %d rewritten; %d were timed, the slowest took %v more than the app", o.pages.Load(), o.warm.Load(), o.timed.Load(), time.Duration(o.slowest.Load()))
}

const (
	outageLimit       = 300 * time.Millisecond // that a page may take longer than the app
	outageCaptures    = 40
	outageConnections = 30 // that the server allows
)

func newOutage(t *testing.T) *outage {
	o := &outage{want: map[string][]byte{}, stalls: testenv.WatchStalls(t)}
	o.server, o.other = testenv.Postgres(t, fmt.Sprintf("max_connections=%d", outageConnections)), testenv.Postgres(t)
	migrateUp(t, o.other.TCPURL("postgres"))
	o.site = newSiteOn(t, o.server.TCPURL("postgres"), recorded, func(s *site) {
		o.link, o.listening = testenv.Toxiproxy(t, o.server.Addr()), testenv.Toxiproxy(t, o.server.Addr())
		s.file.Database.URL = linkTo(t, s.database, o.link.Address) + "&application_name=thumbedge"
		s.file.Database.ListenURL = linkTo(t, s.database, o.listening.Address)
	}, with(promptly), with(func(f *config.File) {
		// Nothing is remembered for long, so that pages need the database all the time.
		f.Cache.TTL, f.Cache.TTLUnlistened = 100*time.Millisecond, 100*time.Millisecond
		f.Database.MaxConns = 8
	}))
	o.fill(o.server)
	o.fill(o.other)
	for offset := range outageCaptures - 4 {
		query := fmt.Sprintf("limit=5&offset=%d", offset)
		o.want[query] = o.appsPage(query)
	}
	return o
}

// fill adds the same captures to either server; of two in three the label small is warm.
func (o *outage) fill(server *postgresd.Server) {
	o.Helper()
	conn := o.connect(server)
	defer conn.Close(context.Background())
	_, err := conn.PgConn().Exec(context.Background(), fmt.Sprintf(`
		INSERT INTO main_project (id, name, draft) VALUES (1, 'public', false) ON CONFLICT DO NOTHING;
		INSERT INTO main_sourceimage (id, path, public_base_url, timestamp, width, height, size, project_id)
			SELECT g, 'night/' || g || '.jpg', 'https://example.org/', '2026-06-12 23:00', 640, 480, 1, 1 FROM generate_series(1, %d) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			SELECT now(), now(), 'thumbnails/capture_' || g || '/small.jpg', 'small', 240, 10, 10, g FROM generate_series(1, %d) g WHERE g %% 3 > 0;
		CHECKPOINT`, outageCaptures, outageCaptures)).ReadAll()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *outage) connect(server *postgresd.Server) *pgx.Conn {
	o.Helper()
	conn, err := pgx.Connect(context.Background(), server.TCPURL("postgres"))
	if err != nil {
		o.Fatal(err)
	}
	return conn
}

// load asks for one page after another, and for each at the app itself too.
func (o *outage) load(ctx context.Context, client int) {
	pause := time.NewTicker(40 * time.Millisecond)
	defer pause.Stop()
	for n := client * 7; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		query := fmt.Sprintf("limit=5&offset=%d", n%(outageCaptures-4))
		start := time.Now()
		response, got := o.get(o.url + "/api/v2/captures/?" + query)
		took := time.Since(start)
		o.judge(query, response.StatusCode, got)
		again := time.Now()
		o.appsPage(query)
		if more := took - time.Since(again); more <= outageLimit || o.quietly(start) {
			o.time(query, more)
		}
	}
}

// time takes down how much longer than the app's own a page took. One that was quick
// enough says so on a busy machine, too.
func (o *outage) time(query string, more time.Duration) {
	o.timed.Add(1)
	for was := o.slowest.Load(); int64(more) > was && !o.slowest.CompareAndSwap(was, int64(more)); was = o.slowest.Load() {
	}
	if more > outageLimit {
		o.slow.Add(1)
		o.Logf("page %s took %v more than the app", query, more)
	}
}

func (o *outage) judge(query string, status int, got []byte) {
	o.pages.Add(1)
	if status != http.StatusOK || !bytes.Equal(o.asTheAppWroteIt(got), o.want[query]) {
		o.wrong.Add(1)
		o.Errorf("page %s is %d and neither the app's nor a rewrite of it: %.300s", query, status, got)
		return
	}
	for _, found := range storageURL.FindAllSubmatch(got, -1) {
		if want := fmt.Sprintf(`"%s/media/thumbnails/capture_%s/small.jpg"`, o.url, found[1]); string(found[0]) != want {
			o.wrong.Add(1)
			o.Errorf("page %s shows %s, want %s", query, found[0], want)
		}
	}
	if storageURL.Match(got) {
		o.warm.Add(1)
	} else {
		o.unrewrote.Add(1)
	}
}

// round is one outage, from warm pages to warm pages.
func (o *outage) round(name string, strike, heal func(), dead bool) {
	o.Helper()
	warmSet := o.program.WarmSet()
	o.more("pages are warm before: "+name, &o.warm, 30)
	strike()
	if dead {
		o.eventually(name+": the database counts as dead", func() bool { return warmSet.State().BreakerOpen })
		asked, pages := o.asked(), o.pages.Load()
		o.more(name+": pages go out as the app wrote them", &o.unrewrote, 100)
		asked, pages = o.asked()-asked, o.pages.Load()-pages
		// A probe every half second, and what was on its way.
		if asked > float64(pages)/3 {
			o.Errorf("%s: the dead database was asked %.0f times for %d pages", name, asked, pages)
		}
		o.Logf("%s: the dead database was asked %.0f times for %d pages", name, asked, pages)
	} else {
		before := o.unrewrote.Load()
		o.more(name+": pages go on being warm", &o.warm, 100)
		o.Logf("%s: %d pages not rewritten", name, o.unrewrote.Load()-before)
	}
	heal()
	healed := time.Now()
	o.more(name+": pages are warm again", &o.warm, 1)
	first, quietly := time.Since(healed), o.quietly(healed)
	o.eventually(name+": the breaker is closed and notifications arrive", func() bool {
		state := warmSet.State()
		return state.Connected && !state.BreakerOpen
	})
	o.Logf("%s: the first warm page came %v after it was over, notifications after %v", name, first.Round(time.Millisecond), time.Since(healed).Round(time.Millisecond))
	if quietly && first > 2*time.Second {
		o.Errorf("%s: pages were warm again after %v, want 2 s", name, first)
	}
	o.settles(name)
}

// more waits until n more have been counted.
func (o *outage) more(what string, count *atomic.Int64, n int64) {
	o.Helper()
	target := count.Load() + n
	o.eventually(what, func() bool { return count.Load() >= target })
}

// asked is how many queries for captures have begun.
func (o *outage) asked() (n float64) {
	for _, outcome := range []string{"answered", "timeout", "failed"} {
		n += o.metric(`thumbedge_warmset_queries_total{outcome="` + outcome + `"}`)
	}
	return n + o.metric("thumbedge_warmset_queries_in_flight")
}

// settles: the server has the pool's connections and the listener's, no more.
func (o *outage) settles(name string) {
	o.Helper()
	conn := o.connect(o.server)
	defer conn.Close(context.Background())
	o.eventually(name+": no connection is left over", func() bool {
		var pool, listeners int
		err := conn.QueryRow(context.Background(), `SELECT count(*) FILTER (WHERE application_name = 'thumbedge'), count(*) FILTER (WHERE application_name = 'thumbedge listener')
			FROM pg_stat_activity`).Scan(&pool, &listeners)
		return err == nil && pool <= o.file.Database.MaxConns && listeners == 1
	})
}
