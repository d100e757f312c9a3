package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var (
	_ resolver.Database = (*postgres.Store)(nil)
	_ imaging.Database  = (*postgres.Store)(nil)
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// noon is when every original of the tests was last changed.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// fill makes projects 1 (public) and 2 (draft), captures 1 to 9 of project 1, 10 of
// project 2, 11 of none. Capture 2 has rows small and medium.
const fill = `
	INSERT INTO main_project (id, name, draft) VALUES (1, 'moths', false), (2, 'drafts', true);
	INSERT INTO main_sourceimage (id, path, public_base_url, last_modified, project_id)
		SELECT g, 'night/' || g || '.jpg', 'https://example.org/', '2026-06-01 12:00Z', CASE WHEN g < 10 THEN 1 WHEN g = 10 THEN 2 END FROM generate_series(1, 11) g;
	INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id) VALUES
		('2026-06-02', '2026-06-02', 'thumbnails/capture_2/small_00000000000000ab.jpg', 'small', 240, 127, 9000, '2026-06-01 12:00Z', 2),
		('2026-06-02', '2026-06-02', 'thumbnails/capture_2/medium.jpg', 'medium', 1024, 540, 90000, NULL, 2)`

func migrate(t testing.TB, url string, tables postgres.Tables) *migrations.Migrator {
	t.Helper()
	m, err := migrations.New(url, migrations.Names(tables), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// migrated makes a database that is migrated and filled, and a connection to it.
func migrated(t testing.TB) (url string, app *pgx.Conn) {
	t.Helper()
	url = testenv.Database(t)
	if err := migrate(t, url, postgres.Antenna).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	app = connect(t, url)
	exec(t, app, fill)
	return url, app
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func ask[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) (answer T) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// store is a Store with what its tests look at.
type store struct {
	*postgres.Store
	pool    *pgxpool.Pool
	queries *queryCounter
	log     *logText
	metrics *prometheus.Registry
}

func newStore(t testing.TB, url string, edits ...func(*postgres.Config)) store {
	t.Helper()
	counter := new(queryCounter)
	s := tracedStore(t, url, counter, edits...)
	s.queries = counter
	return s
}

func tracedStore(t testing.TB, url string, tracer pgx.QueryTracer, edits ...func(*postgres.Config)) store {
	t.Helper()
	cfg := postgres.Defaults()
	cfg.URL = url
	for _, edit := range edits {
		edit(&cfg)
	}
	s := store{log: new(logText), metrics: prometheus.NewRegistry()}
	var err error
	if s.pool, err = postgres.Open(cfg, tracer); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	s.Store, err = postgres.New(cfg, s.pool, slog.New(slog.NewTextHandler(s.log, nil)), postgres.NewMetrics(s.metrics))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// metric reads a counter that an operation has its own of.
func (s store) metric(name, operation string) (n float64) {
	families, _ := s.metrics.Gather()
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && m.GetLabel()[0].GetValue() == operation {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func pooled(cfg *postgres.Config) { cfg.Pooler = true }

// queryCounter counts queries, as cmd's tests do for a page.
type queryCounter struct{ n atomic.Int64 }

func (c *queryCounter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *queryCounter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waiting says how many other connections wait for a lock in app's database.
func waiting(t testing.TB, app *pgx.Conn) int {
	t.Helper()
	exec(t, app, `SELECT pg_stat_clear_snapshot()`) // app may be in a transaction, which sees one snapshot
	return ask[int](t, app, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
}

func row(label, path string, width int, modified time.Time) thumb.Row {
	return thumb.Row{Label: label, Path: path, Width: width, Height: width / 2, Size: 1000, LastModified: modified}
}

func TestValidateNamesTheKeys(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Tables: postgres.Antenna}
	cfg.Tables.Project, cfg.Tables.Capture = "", "a.b.c"
	err := cfg.Validate()
	if err == nil {
		t.Fatal("an empty configuration is accepted")
	}
	for _, key := range []string{"database.url: ", "database.page_timeout: ", "database.max_conns: ", "database.tables.project: ", "database.tables.capture: "} {
		if !bytes.Contains([]byte(err.Error()), []byte(key)) {
			t.Errorf("the error says nothing of %q: %v", key, err)
		}
	}
	if _, err := postgres.New(cfg, nil, slog.Default(), postgres.NewMetrics(prometheus.NewRegistry())); err == nil {
		t.Error("New accepts it")
	}
}
