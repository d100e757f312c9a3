package drive

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/internal/history"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// The times that are hours in production, scaled to what a run can wait for.
const (
	deleteAfter = 6 * time.Second // storage.delete_after
	unlistened  = 3 * time.Second // cache.ttl_unlistened
	grace       = 3 * time.Second // reconcile.grace
	// kept is responses.anonymous_pages: longer than what was true may be told by who is cut
	// off, so that a page that is used nevertheless shows.
	kept = 8 * time.Second
)

// publicURL is server.public_url, under which private thumbnails are signed.
const publicURL = "https://thumbs.example"

// What the promises allow. A replica that is cut off is still connected for two seconds
// after the last notification of its own, which may have taken one.
var settings = history.Settings{
	DeleteAfter: deleteAfter, Connected: time.Second, Unlistened: unlistened + 500*time.Millisecond, Reconnect: 4 * time.Second, Kept: kept,
}

// The widths that labels have, and those of a replica that is configured anew first.
var (
	usualWidths = map[string]int{"small": 96, "medium": 192}
	otherWidths = map[string]int{"small": 96, "medium": 144}
)

// site is everything that a history is made on.
type site struct {
	testing.TB
	*recorder
	binary, dir string
	server      *postgresd.Server
	database    string // URL
	pool        *pgxpool.Pool
	app         *app
	originals   *source
	sourceLink  *testenv.FaultyLink
	files       *storage
	replicas    []*replica

	mu       sync.Mutex
	captures map[int64]*capture // those that are there
	signed   []string           // targets that pages showed lately, for members
	last     int64              // the id given last
	behind   int                // seconds by which all clocks were set back; of setBack alone
}

// capture is what is remembered of a capture.
type capture struct {
	version time.Time
	skew    time.Duration // of the clock that its versions are by
}

// newSite starts the surroundings, then so many replicas of a binary.
func newSite(t testing.TB, binary string, replicas int) *site {
	t.Helper()
	s := &site{TB: t, recorder: newRecorder(settings), binary: binary, dir: t.TempDir(), captures: map[int64]*capture{}}
	s.server = testenv.Postgres(t, "track_commit_timestamp=on")
	s.database = s.server.TCPURL("postgres")
	s.originals, s.files = serveOriginals(t, s.recorder), serveStorage(t, s.recorder)
	s.sourceLink = testenv.Toxiproxy(t, s.originals.server.Listener.Addr().String())
	s.connect()
	sample, err := sampleapp.New(t.Context(), sampleapp.Config{DatabaseURL: s.database, MediaDir: t.TempDir(), OriginalsURL: s.originals.server.URL},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.app = serveApp(t, s.recorder, sample)
	for i := range replicas {
		s.replicas = append(s.replicas, newReplica(s, i+1))
	}
	s.migrate()
	s.exec(auditSQL)
	s.exec(`INSERT INTO main_project (id, name, draft) VALUES (1, 'public', false), (2, 'sometimes', false), (3, 'at times', true)`)
	var starting errgroup.Group
	for _, r := range s.replicas {
		starting.Go(func() error { return r.start(usualWidths) })
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	return s
}

// connect connects the driver itself to the database, as the app.
func (s *site) connect() {
	s.Helper()
	cfg, err := pgxpool.ParseConfig(s.database)
	if err != nil {
		s.Fatal(err)
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "app"
	if s.pool, err = pgxpool.NewWithConfig(s.Context(), cfg); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(s.pool.Close)
}

// migrate has the binary make its own schema, and pair database and storage.
func (s *site) migrate() {
	s.Helper()
	out, err := s.command("migrate", "up")
	if err != nil {
		s.Fatalf("migrating: %v: %s", err, out)
	}
}

// command runs a command of the binary with the first replica's links.
func (s *site) command(args ...string) ([]byte, error) {
	const name = "replica-0.1" // known to the history, with no label
	path, err := s.replicas[0].configure(name, usual.specs(usualWidths), usualCache)
	if err != nil {
		return nil, err
	}
	s.runs(name, nil)
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary, append(args, "--config", path)...)
	return cmd.CombinedOutput()
}

func (s *site) exec(sql string, args ...any) {
	s.Helper()
	if _, err := s.pool.Exec(context.Background(), sql, args...); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// seen returns the history until now.
func (s *site) seen() *history.History {
	s.Helper()
	h, err := s.copy(s.now(), func(h *history.History) error {
		return addChanges(context.WithoutCancel(s.Context()), s.pool, s.recorder, h)
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Fatal(err)
	}
	return h
}

// ids returns the captures that are there, in order.
func (s *site) ids() (ids []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.captures {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func pick[T any](random *rand.Rand, all []T) T { return all[random.IntN(len(all))] }
