package program_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// site is everything at once, on real parts: PostgreSQL with the app's tables, the
// sample app, a server of originals, storage, and thumbedge in front of it all.
type site struct {
	*testing.T
	database  string // URL
	pool      *pgxpool.Pool
	originals *originals
	app       *sampleapp.App
	appURL    string
	file      *config.File
	program   *program.Program
	steps     *steps
	url       string
	queries   *queryCounter
	bucket    *testenv.Bucket              // nil on the file system
	recorded  *recordedApp                 // nil without
	render    sampleapp.Renderer           // the app's
	log       *transcript                  // of thumbedge
	level     *slog.LevelVar               // of the log
	changed   func() (*config.File, error) // what a reload reads
	project   int64
	unstarted bool // replicas serve it, in processes of their own
	// unlistened: no notification is to be expected.
	unlistened bool
	// historyStep is program.Options' own.
	historyStep time.Duration
}

// siteOption changes a site before it starts.
type siteOption func(*site)

// onS3 puts thumbnails into a bucket of a real S3 server.
func onS3(s *site) {
	bucket := testenv.S3(s.T)
	s.bucket = &bucket
	s.file.Storage.Driver, s.file.Storage.Bucket = config.DriverS3, bucket.Name
	s.file.Storage.Endpoint, s.file.Storage.Region, s.file.Storage.PathStyle = bucket.Endpoint, bucket.Region, true
	s.file.Storage.AccessKey, s.file.Storage.SecretKey = bucket.AccessKey, bucket.SecretKey
}

// unstarted leaves it to the test to start replicas.
func unstarted(s *site) { s.unstarted = true }

// patience is what a site has with its database and with renders, unless a test says
// otherwise: so that what a busy machine makes slow is not taken for down or full. The app
// would render then, which counts as a fetch and stores elsewhere, or a page would go out
// as the app wrote it, or a picture to its client without being kept.
const patience = 30 * time.Second

// promptly has pages wait for the database as they do by default.
func promptly(f *config.File) { f.Database.PageTimeout = postgres.Defaults().PageTimeout }

// with changes the configuration.
func with(edit func(*config.File)) siteOption { return func(s *site) { edit(s.file) } }

func newSite(t *testing.T, options ...siteOption) *site {
	t.Helper()
	return newSiteOn(t, testenv.Database(t), options...)
}

// newSiteOn makes a site on a database that has the app's tables.
func newSiteOn(t *testing.T, database string, options ...siteOption) *site {
	t.Helper()
	s := &site{T: t, database: database, originals: serveOriginals(t), queries: &queryCounter{}, steps: &steps{}, log: &transcript{}, render: sampleapp.RenderOne}
	media := t.TempDir()
	var err error
	if s.pool, err = pgxpool.New(t.Context(), s.database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	migrateUp(t, s.database)
	s.app, err = sampleapp.New(t.Context(), sampleapp.Config{DatabaseURL: s.database, MediaDir: media, OriginalsURL: s.originals.URL,
		Render: func(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
			return s.render(ctx, original, spec)
		},
	}, quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	appServer := httptest.NewServer(s.app.Handler())
	t.Cleanup(func() {
		appServer.CloseClientConnections()
		appServer.Close()
		_ = s.app.Close()
	})
	s.appURL = appServer.URL
	s.file = demo.Config(s.database, s.appURL, media)
	s.file.Database.PageTimeout, s.file.Render.MaxWait = patience, patience
	for _, option := range options {
		option(s)
	}
	if !s.unstarted {
		s.start()
	}
	s.exec(`INSERT INTO main_project (id, name, draft) VALUES (1, 'public', false), (2, 'draft', true)`)
	s.project = 1
	return s
}

func migrateUp(t *testing.T, database string) {
	t.Helper()
	m, err := migrations.New(database, migrations.Names(postgres.Antenna), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// start starts thumbedge; it is stopped when the test ends.
func (s *site) start() {
	s.Helper()
	s.level, s.changed = new(slog.LevelVar), nil
	load := func() (*config.File, error) { return s.changed() }
	p, err := program.Start(s.file, program.Options{
		Log: s.logger(), Level: s.level, Load: load, Tracer: s.queries, Hook: s.steps.over, HistoryStep: s.historyStep,
	})
	if err != nil {
		s.Fatal(err)
	}
	s.program, s.url = p, "http://"+p.Addr()
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			s.Errorf("thumbedge did not close in order: %v", err)
		}
	})
	if !s.unlistened {
		s.eventually("notifications arrive", func() bool { return p.WarmSet().State().Connected })
	}
}

// reload has thumbedge take a file that is edited.
func (s *site) reload(edit func(*config.File)) error {
	s.Helper()
	next := *s.program.File()
	next.Thumbnails = slices.Clone(next.Thumbnails)
	edit(&next)
	return s.reloadFrom(func() (*config.File, error) { return &next, nil })
}

// reloadFrom has thumbedge take what is read.
func (s *site) reloadFrom(read func() (*config.File, error)) error {
	s.changed = read
	return s.program.Reload()
}

// another is the same site behind another thumbedge, whose configuration is edited.
func (s *site) another(edit func(*config.File)) *site {
	s.Helper()
	other, file := *s, *s.file
	file.Thumbnails = slices.Clone(file.Thumbnails)
	if edit != nil {
		edit(&file)
	}
	other.file, other.steps = &file, &steps{}
	other.start()
	return &other
}

func (s *site) exec(sql string, args ...any) {
	s.Helper()
	if _, err := s.pool.Exec(context.Background(), sql, args...); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// one scans the single row that a query returns.
func one[T any](s *site, sql string, args ...any) (value T) {
	s.Helper()
	if err := s.pool.QueryRow(context.Background(), sql, args...).Scan(&value); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
	return value
}

// capture adds a capture to the present project, with its original, and returns
// its id.
func (s *site) capture() int64 {
	s.Helper()
	return one[int64](s, `INSERT INTO main_sourceimage (path, public_base_url, timestamp, width, height, size, last_modified, project_id)
		VALUES ('night/' || gen_random_uuid() || '.jpg', $1, '2026-06-12 23:00', 640, 480, 1, date_trunc('second', now()) - interval '1 hour', $2) RETURNING id`,
		s.originals.URL+"/", s.project)
}

// captures adds n captures.
func (s *site) captures(n int) []int64 {
	s.Helper()
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = s.capture()
	}
	return ids
}

// row adds a valid thumbnail row to a capture, without a file.
func (s *site) row(capture int64, label string, width int) {
	s.Helper()
	s.exec(`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
		SELECT now() - interval '1 day', now() - interval '1 day', 'thumbnails/capture_' || id || '/' || $2 || '.jpg', $2, $3, 10, 10, last_modified, id FROM main_sourceimage WHERE id = $1`,
		capture, label, width)
}

// eventually waits until claim holds.
func (s *site) eventually(what string, claim func() bool) {
	s.Helper()
	eventually.Holds(s, what, claim)
}

// quiet logs what an operator should look at, to be seen where the test fails.
func quiet(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// queryCounter counts the page query: every statement that thumbedge sends but
// those of its own housekeeping.
type queryCounter struct{ n atomic.Int64 }

func (q *queryCounter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "main_sourceimage") {
		q.n.Add(1)
	}
	return ctx
}

func (q *queryCounter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// during returns how many queries were sent while work ran.
func (q *queryCounter) during(work func()) int64 {
	before := q.n.Load()
	work()
	return q.n.Load() - before
}
