package imaging_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// site is the world around the replicas of one test.
type site struct {
	database, root string
	privateRoot    string
	pool           *pgxpool.Pool
	mu             sync.Mutex
	fetches        map[string]int
}

func newSite(t *testing.T, captures int) *site {
	t.Helper()
	s := &site{database: testenv.Database(t), root: t.TempDir(), privateRoot: t.TempDir(), fetches: map[string]int{}}
	m, err := migrations.New(s.database, migrations.Names(postgres.Antenna), nil)
	if err == nil {
		err = m.Up(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	photo, err := os.ReadFile("render/testdata/photos/tiny_120.jpg")
	if err != nil {
		t.Fatal(err)
	}
	originals := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.fetches[r.URL.Path]++
		s.mu.Unlock()
		_, _ = w.Write(photo)
	}))
	t.Cleanup(originals.Close)
	if s.pool, err = pgxpool.New(t.Context(), s.database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	if _, err := s.pool.Exec(t.Context(), fmt.Sprintf(`
		INSERT INTO main_project (id, name, draft) VALUES (1, 'moths', false), (2, 'drafts', true), (3, 'other drafts', true);
		INSERT INTO main_sourceimage (id, path, public_base_url, last_modified, project_id)
			SELECT g, g || '.jpg', '%s/', '2026-06-01 12:00Z', 1 FROM generate_series(1, %d) g`, originals.URL, captures)); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs a replica, and returns what waits for its end and gives what it got.
func (s *site) start(t *testing.T, o orders) (wait func() ([]string, error)) {
	t.Helper()
	o.Database, o.Root = s.database, s.root
	if o.Project != 0 {
		o.PrivateRoot = s.privateRoot
	}
	text, _ := json.Marshal(o)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), replicaVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() (got []string, err error) {
		lines := bufio.NewScanner(io.LimitReader(out, 1<<20))
		for lines.Scan() {
			got = append(got, lines.Text())
		}
		return got, cmd.Wait()
	}
}

// check fails the test where a row names no file, or a file is nobody's.
func (s *site) check(t *testing.T) (rows, files int) {
	t.Helper()
	return s.checkShelf(t, `SELECT path, true FROM main_sourceimagethumbnail UNION ALL SELECT path, false FROM thumbedge.file_to_delete`, s.root, "thumbnails/")
}

// checkPrivate does the same of private storage.
func (s *site) checkPrivate(t *testing.T) (rows, files int) {
	t.Helper()
	return s.checkShelf(t, `SELECT path, true FROM thumbedge.private_thumbnail UNION ALL SELECT path, false FROM thumbedge.private_file_to_delete`, s.privateRoot, "drafts/")
}

func (s *site) checkShelf(t *testing.T, named, root, prefix string) (rows, files int) {
	t.Helper()
	names := map[string]bool{}
	all, err := s.pool.Query(t.Context(), named)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for all.Next() {
		var path string
		var row bool
		if err := all.Scan(&path, &row); err != nil {
			t.Fatal(err)
		}
		names[path] = true
		if _, err := os.Stat(root + "/" + path); row {
			rows++
			if err != nil {
				t.Errorf("a row names a missing file: %v", err)
			}
		}
	}
	folders, _ := os.ReadDir(root + "/" + prefix)
	for _, folder := range folders {
		inside, _ := os.ReadDir(root + "/" + prefix + folder.Name())
		for _, file := range inside {
			if !strings.HasSuffix(file.Name(), ".jpg") {
				continue // storage's own, of a write that was cut off
			}
			files++
			if path := prefix + folder.Name() + "/" + file.Name(); !names[path] {
				t.Errorf("%s is nobody's, and no sweep will find it", path)
			}
		}
	}
	return rows, files
}

func (s *site) count(t *testing.T, sql string) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *site) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// lapse ends all leases, as their time would.
func (s *site) lapse(t *testing.T) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), `UPDATE thumbedge.lease SET until = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
}

// One gallery opened cold on three replicas at once: each original is fetched once,
// and all clients are sent to the same files.
func TestThreeProcessesRenderAGalleryOnce(t *testing.T) {
	t.Parallel()
	const captures = 20
	s := newSite(t, captures)
	var waits []func() ([]string, error)
	for range 3 {
		waits = append(waits, s.start(t, orders{Captures: captures}))
	}
	urls := map[string]string{}
	for _, wait := range waits {
		got, err := wait()
		if err != nil || len(got) != 2*captures {
			t.Fatalf("a replica ended with %v, %d answers", err, len(got))
		}
		for _, line := range got {
			var id, position, url, failed string
			_, _ = fmt.Sscanf(line, "got %s %s %s %s", &id, &position, &url, &failed)
			label := id + "/" + position
			if failed != "<nil>" || urls[label] != "" && urls[label] != url {
				t.Errorf("%s, another replica got %q", line, urls[label])
			}
			urls[label] = url
		}
	}
	for path, n := range s.fetches {
		if n != 1 {
			t.Errorf("%s was fetched %d times", path, n)
		}
	}
	if rows, files := s.check(t); len(s.fetches) != captures || rows != 2*captures || files != 2*captures {
		t.Errorf("%d originals were fetched, %d rows and %d files are there", len(s.fetches), rows, files)
	}
	if n := s.count(t, `SELECT (SELECT count(*) FROM thumbedge.lease) + (SELECT count(*) FROM thumbedge.file_to_delete)`); n != 0 {
		t.Errorf("%d leases and files to delete are left", n)
	}
}

// SIGKILL after each step: no row names a missing file, the file that is left is
// one that the sweep will find, and another replica takes over within 10 s.
func TestKilledReplica(t *testing.T) {
	t.Parallel()
	for i, step := range []string{"leased", "fetched", "rendered", "recorded", "stored", "upserted", "leased", "rendered", "recorded", "stored", "upserted"} {
		project, name := int64(0), step
		if i > 5 {
			project, name = 2, step+", of a draft"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1)
			check := s.check
			if project != 0 {
				s.exec(t, `UPDATE main_sourceimage SET project_id = 2`)
				check = s.checkPrivate
			}
			_, err := s.start(t, orders{Captures: 1, DieAt: step, Project: project})()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the replica ended with %v", err)
			}
			check(t)
			if n := s.count(t, `SELECT count(*) FROM thumbedge.lease WHERE until > clock_timestamp() + interval '10 s'`); n != 0 {
				t.Error("the dead one's lease lasts more than 10 s")
			}
			if step != "fetched" { // one of them waits until the lease lapses by itself
				s.lapse(t)
			}
			got, err := s.start(t, orders{Captures: 1, Project: project})()
			if err != nil || len(got) != 2 {
				t.Errorf("the next replica got %q, %v", got, err)
			}
			if rows, _ := check(t); rows != 2 {
				t.Errorf("%d rows are there", rows)
			}
			if n := s.count(t, `SELECT count(*) FROM main_sourceimagethumbnail`); project != 0 && n != 0 {
				t.Errorf("%d rows of a draft are public", n)
			}
		})
	}
}

// What is recorded before it is stored, and stored by a process that dies, is swept
// when its time has come; what a row names is not.
func TestLeftoverIsSwept(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	_, _ = s.start(t, orders{Captures: 1, DieAt: "stored"})()
	if n := s.count(t, `SELECT count(*) FROM thumbedge.file_to_delete WHERE due > clock_timestamp() + interval '23 hours'`); n == 0 {
		t.Fatal("nothing is recorded")
	}
	s.lapse(t)
	if got, err := s.start(t, orders{Captures: 1})(); err != nil {
		t.Fatal(got, err)
	}
	if _, err := s.pool.Exec(t.Context(), `UPDATE thumbedge.file_to_delete SET due = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	r, closeAll, err := open(s.database, s.root, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	r.SweepOnce()
	if rows, files := s.check(t); rows != 2 || files != 2 {
		t.Errorf("%d rows and %d files are left, want 2 and 2", rows, files)
	}
	if n := s.count(t, `SELECT count(*) FROM thumbedge.file_to_delete`); n != 0 {
		t.Errorf("%d files are still to be swept", n)
	}
}
