package check_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// site is what a check looks at: PostgreSQL with the app's tables, the sample app, and,
// once it is served, thumbedge in front of it.
type site struct {
	*testing.T
	pool   *pgxpool.Pool
	file   *config.File
	appURL string
	url    string // of thumbedge
}

func newSite(t *testing.T) *site {
	t.Helper()
	database, media := testenv.Database(t), t.TempDir()
	s := &site{T: t}
	var err error
	if s.pool, err = pgxpool.New(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	m, err := migrations.New(database, migrations.Names(postgres.Antenna), nil)
	if err == nil {
		err = m.Up(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	app, err := sampleapp.New(t.Context(), sampleapp.Config{DatabaseURL: database, MediaDir: media, OriginalsURL: "http://127.0.0.1:1"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		_ = app.Close()
	})
	s.appURL = server.URL
	s.file = demo.Config(database, s.appURL, media)
	s.file.Database.PageTimeout = 30 * time.Second // a busy machine is no database that is away
	s.exec(`INSERT INTO main_project (id, name, draft) VALUES (1, 'public', false)`)
	return s
}

// serve starts thumbedge; it is stopped when the test ends.
func (s *site) serve() {
	s.Helper()
	p, err := program.Start(s.file, program.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.Fatal(err)
	}
	s.url = "http://" + p.Addr()
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			s.Errorf("thumbedge did not close in order: %v", err)
		}
	})
}

func (s *site) exec(sql string, args ...any) {
	s.Helper()
	if _, err := s.pool.Exec(context.Background(), sql, args...); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// captures adds n captures; the first has a thumbnail row of label small.
func (s *site) captures(n int) {
	s.Helper()
	s.exec(`INSERT INTO main_sourceimage (path, public_base_url, timestamp, width, height, size, last_modified, project_id)
		SELECT 'night/' || i || '.jpg', 'http://127.0.0.1:1/', '2026-06-12 23:00', 640, 480, 1, date_trunc('second', now()) - interval '1 hour', 1
		FROM generate_series(1, $1) i`, n)
	s.exec(`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
		SELECT now(), now(), 'thumbnails/capture_' || id || '/small.jpg', 'small', 240, 10, 10, last_modified, id
		FROM main_sourceimage ORDER BY id LIMIT 1`)
}
