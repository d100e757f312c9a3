package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// heard is a Sink that hands on what it is told.
type heard chan string

func (h heard) Listening()  { h <- "listening" }
func (h heard) Heard()      { h <- "heard" }
func (h heard) Lost()       { h <- "lost" }
func (h heard) ChangedAll() { h <- "all" }
func (h heard) Changed(ids []thumb.ID) {
	for _, id := range ids {
		h <- fmt.Sprint("changed ", id)
	}
}

// next returns what is told next, heartbeats that came back apart.
func (h heard) next(t *testing.T) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case word := <-h:
			if word != "heard" {
				return word
			}
		case <-deadline:
			t.Fatal("in 30 s nothing was told")
		}
	}
}

// expect waits for exactly these words, in order.
func (h heard) expect(t *testing.T, words ...string) {
	t.Helper()
	for _, want := range words {
		if got := h.next(t); got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
}

// await waits for a word, whatever comes before.
func (h heard) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case word := <-h:
			if word == want {
				return
			}
		case <-deadline:
			t.Fatalf("in 30 s %q was not told", want)
		}
	}
}

// listen runs Listen until the test ends.
func listen(t *testing.T, url string, edits ...func(*postgres.Config)) (heard, *logText) {
	t.Helper()
	h, log := make(heard, 10_000), new(logText)
	listenInto(t, h, url, log, edits...)
	return h, log
}

func listenInto(t *testing.T, sink postgres.Sink, url string, log *logText, edits ...func(*postgres.Config)) {
	t.Helper()
	cfg := postgres.Defaults()
	cfg.URL = url
	for _, edit := range edits {
		edit(&cfg)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- postgres.Listen(ctx, cfg, sink, slog.New(slog.NewTextHandler(log, nil)), postgres.NewMetrics(prometheus.NewRegistry()))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("listening ended with %v", err)
		}
	})
}

func TestListen(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	h, _ := listen(t, url)
	h.expect(t, "listening")
	h.await(t, "heard")
	h.await(t, "heard") // again and again
	exec(t, app, `UPDATE main_sourceimage SET last_modified = now() WHERE id = 3`)
	h.expect(t, "changed 3")
	exec(t, app, `UPDATE main_project SET draft = true WHERE id = 1`)
	h.expect(t, "all")
	exec(t, app, `BEGIN; DELETE FROM main_sourceimagethumbnail WHERE source_image_id = 2; DELETE FROM main_sourceimage WHERE id = 2; COMMIT`)
	h.expect(t, "changed 2")
	// Payloads that no trigger of ours sends are taken for everything.
	exec(t, app, `NOTIFY thumbedge, 'what?'; NOTIFY thumbedge`)
	h.expect(t, "all", "all")
	s := newStore(t, url)
	upsert(t, s, 1, row("small", key(1, 1), 240, noon))
	h.expect(t, "changed 1")
}

func TestListenersOfTwoReplicas(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	a, _ := listen(t, url)
	b, _ := listen(t, url)
	a.expect(t, "listening")
	b.expect(t, "listening")
	exec(t, app, `UPDATE main_sourceimage SET last_modified = now() WHERE id = 3`)
	a.expect(t, "changed 3")
	b.expect(t, "changed 3")
}

// Listening is told only while the triggers are there: without them no news is no
// good news.
func TestListenWithoutTriggers(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	app := connect(t, url)
	exec(t, app, fill)
	h, _ := listen(t, url)
	exec(t, app, `SELECT 1`)
	eventually.Holds(t, "it listens", func() bool {
		exec(t, app, `SELECT pg_stat_clear_snapshot()`)
		return ask[int](t, app, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'thumbedge listener' AND datname = current_database() AND query LIKE '%pg_notify%'`) == 1
	})
	exec(t, app, `NOTIFY thumbedge, '7'`)
	h.expect(t, "changed 7") // and nothing before it
	m := migrate(t, url, postgres.Antenna)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.expect(t, "listening")
	h.await(t, "heard")
	exec(t, app, `ALTER TABLE main_project DISABLE TRIGGER thumbedge_notify`)
	h.expect(t, "lost")
	exec(t, app, `ALTER TABLE main_project ENABLE TRIGGER thumbedge_notify`)
	h.expect(t, "listening")
	// Off and on between two looks: a change may have gone untold all the same.
	exec(t, app, `BEGIN; ALTER TABLE main_project DISABLE TRIGGER thumbedge_notify; ALTER TABLE main_project ENABLE TRIGGER thumbedge_notify; COMMIT`)
	h.expect(t, "lost", "listening")
	if err := m.Down(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	h.expect(t, "lost")
}

// serverWithApp is a PostgreSQL of the test's own, migrated and filled.
func serverWithApp(t *testing.T) (*postgresd.Server, string) {
	t.Helper()
	server := testenv.Postgres(t)
	url := server.TCPURL("postgres")
	if err := migrate(t, url, postgres.Antenna).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	app := connect(t, url)
	exec(t, app, fill)
	exec(t, app, `CHECKPOINT`) // it commits asynchronously: a crash would take the rows along
	return server, url
}

func TestListenThroughACrash(t *testing.T) {
	t.Parallel()
	server, url := serverWithApp(t)
	h, log := listen(t, url)
	h.expect(t, "listening")
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	h.expect(t, "lost")
	again, err := postgresd.Start(context.Background(), server.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Stop() })
	h.expect(t, "listening")
	exec(t, connect(t, url), `UPDATE main_sourceimage SET last_modified = now() WHERE id = 3`)
	h.expect(t, "changed 3")
	if n := strings.Count(log.String(), "notifications interrupted"); n != 1 {
		t.Errorf("%d warnings of one outage, want 1:\n%s", n, log)
	}
}

// A link that dies without a FIN: the server's process is stopped, so that nothing
// is answered and nothing closed.
func TestListenOnASilentLink(t *testing.T) {
	t.Parallel()
	_, url := serverWithApp(t)
	app := connect(t, url)
	h, _ := listen(t, url)
	h.expect(t, "listening")
	pid := ask[int](t, app, `SELECT pid FROM pg_stat_activity WHERE application_name = 'thumbedge listener'`)
	h.await(t, "heard")
	stopped := time.Now()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	exec(t, app, `UPDATE main_sourceimage SET last_modified = now() WHERE id = 3`)
	h.expect(t, "lost")
	if took := time.Since(stopped); took > 15*time.Second {
		t.Errorf("noticed after %v", took)
	}
	// Another connection, a new generation: what was missed in between is settled.
	h.expect(t, "listening")
	exec(t, app, `UPDATE main_sourceimage SET last_modified = now() WHERE id = 4`)
	h.expect(t, "changed 4")
}

func TestListenBehindAPooler(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	through := testenv.Pgbouncer(t, url)
	_, log := listen(t, through)
	eventually.Holds(t, "it says what is wrong", func() bool {
		return strings.Contains(log.String(), "database.listen_url must lead to PostgreSQL itself")
	})
	h, _ := listen(t, through, func(cfg *postgres.Config) { cfg.ListenURL = url })
	h.expect(t, "listening")
	exec(t, app, `UPDATE main_sourceimage SET last_modified = now() WHERE id = 3`)
	h.expect(t, "changed 3")
}

// A connection that is ended by an administrator comes back by itself.
func TestListenTerminated(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	h, _ := listen(t, url)
	for range 3 {
		h.expect(t, "listening")
		exec(t, app, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'thumbedge listener' AND datname = current_database()`)
		h.expect(t, "lost")
	}
}

func TestListenRefusesAnInvalidConfiguration(t *testing.T) {
	t.Parallel()
	err := postgres.Listen(t.Context(), postgres.Config{}, make(heard), slog.Default(), postgres.NewMetrics(prometheus.NewRegistry()))
	if err == nil || !strings.Contains(err.Error(), "database.url") {
		t.Errorf("the error is %v", err)
	}
}
