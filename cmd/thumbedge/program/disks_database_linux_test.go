package program_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// PostgreSQL's disk fills up, with its data and its log or with its log alone: pages are the
// app's or right rewrites, no row is without its file, and with room again all is as before,
// without a restart of thumbedge.
func TestFullDiskUnderTheDatabase(t *testing.T) {
	t.Parallel()
	for name, disk := range map[string]struct {
		size  string
		start func(*testing.T, string) *postgresd.Server
		fill  func(o *outage, ids []int64) // what room PostgreSQL still has on a full disk
	}{
		"data and log": {"200m", startedOn, (*outage).fillItsTables},
		"log alone":    {"64m", startedWithItsLogOn, (*outage).fillItsLog},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !testenv.Alone(t) {
				return
			}
			dir := testenv.SmallDisk(t, disk.size)
			server := disk.start(t, dir)
			o := &outage{site: newSiteOn(t, server.TCPURL("postgres"), recorded, with(quickToTryAgain), with(patientWithRenders)), server: server}
			ids := o.captures(20)
			o.coldAnswers(ids[:5])
			o.pageIsRight(len(ids))
			giveBack := testenv.Fill(t, dir, 0)
			disk.fill(o, ids)
			for range 20 {
				o.pageIsRight(len(ids))
			}
			giveBack()
			if _, err := o.pool.Exec(t.Context(), `SELECT 1`); err != nil {
				t.Logf("the server has ended, and is started again: %v", err)
				_ = server.Stop()
				o.restart()
			}
			o.pool.Reset() // the connections of before
			o.eventually("the server answers", func() bool { return o.pool.Ping(t.Context()) == nil })
			o.rowsHaveFiles(o.file.Storage.Root)
			o.allWarm(ids)
			o.rowsHaveFiles(o.file.Storage.Root)
		})
	}
}

// startedOn starts a server whose data, and log, are on the disk.
func startedOn(t *testing.T, disk string) *postgresd.Server {
	before := os.Getenv("TMPDIR")
	_ = os.Setenv("TMPDIR", disk) // where the server's folder is made
	defer os.Setenv("TMPDIR", before)
	return testenv.Postgres(t, "synchronous_commit=on")
}

// startedWithItsLogOn starts a server of which only the write-ahead log is on the disk.
func startedWithItsLogOn(t *testing.T, disk string) *postgresd.Server {
	t.Helper()
	server := testenv.Postgres(t, "synchronous_commit=on", "min_wal_size=32MB", "max_wal_size=32MB")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(server.Config().Dir, "data", "pg_wal")
	if out, err := exec.Command("cp", "-a", log, disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.RemoveAll(log), os.Symlink(filepath.Join(disk, "pg_wal"), log)); err != nil {
		t.Fatal(err)
	}
	again, err := postgresd.Start(t.Context(), server.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Stop() })
	return again
}

// fillItsTables takes what room the tables still have on a full disk: the server goes on, and
// refuses what needs more. Pictures are made, and given without being kept.
func (o *outage) fillItsTables(ids []int64) {
	o.Helper()
	var full error
	for attempt := 0; full == nil && attempt < 1000; attempt++ {
		_, full = o.pool.Exec(o.Context(), `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			SELECT now(), now(), '', repeat('x', 200) || $1::int || '/' || n, 1, 1, 1, $2 FROM generate_series(1, 500) AS n`, attempt, ids[0])
	}
	o.exec(`DELETE FROM main_sourceimagethumbnail WHERE path = ''`)
	var refused *pgconn.PgError
	if !errors.As(full, &refused) || refused.Code != "53100" { // disk_full
		o.Errorf("filling the disk ended with %v", full)
	}
	kept, unkept, others := o.coldAnswers(ids)
	if unkept == 0 {
		o.Error("no picture was given that could not be kept")
	}
	o.Logf("the database says %v; %d thumbnails were kept, %d given all the same, %d not", full, kept, unkept, others)
	rows := o.rowsHaveFiles(o.file.Storage.Root)
	if warm := o.pageIsRight(len(ids)); warm != rows {
		o.Errorf("%d thumbnails are on the page, the database has %d", warm, rows)
	}
}

// fillItsLog writes to the log until no byte more fits. The server panics, and recovers while
// there is room to say so. In the end it stays down, which /readyz says.
func (o *outage) fillItsLog(ids []int64) {
	o.Helper()
	o.eventually("the server has ended", func() bool {
		for _, size := range []int{1 << 20, 1 << 10, 1} {
			_, _ = o.pool.Exec(o.Context(), `SELECT pg_logical_emit_message(true, 'filling', repeat('x', $1))`, size)
		}
		return errors.Is(o.server.Process().Signal(syscall.Signal(0)), os.ErrProcessDone)
	})
	text, err := os.ReadFile(filepath.Join(o.server.Config().Dir, "postgres.log"))
	if err != nil || !strings.Contains(string(text), "PANIC:  could not write to file \"pg_wal/") {
		o.Errorf("the server's log says nothing of a full disk: %v\n%s", err, text)
	}
	kept, unkept, others := o.coldAnswers(ids)
	o.Logf("%d thumbnails were kept, %d given all the same, %d not", kept, unkept, others)
	response, body := o.get("http://" + o.program.AdminAddr() + "/readyz")
	var ready admin.Readiness
	if err := json.Unmarshal(body, &ready); err != nil || response.StatusCode != http.StatusOK {
		o.Errorf("readyz: %s %s", response.Status, body)
	}
	for _, part := range ready.Parts {
		if part.Name == "database" && part.State != "down" {
			o.Errorf("readyz says %+v", part)
		}
	}
}

// No commit of PostgreSQL's comes to an end, as when its log's disk stands still. Its
// readers notice nothing, and neither do pages.
func TestDatabaseWhoseCommitsStandStill(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t, "synchronous_commit=on")
	s := newSiteOn(t, server.TCPURL("postgres"), with(quickToTryAgain))
	ids := s.captures(6)
	s.coldAnswers(ids[:3])
	setting := func(sql string) {
		conn := (&outage{site: s}).connect(server)
		defer conn.Close(context.Background())
		for _, statement := range []string{sql, `SELECT pg_reload_conf()`} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		// What a commit waits for: a standby that never comes.
		s.eventually("the server has read it", func() bool {
			var waits string
			err := conn.QueryRow(t.Context(), `SHOW synchronous_standby_names`).Scan(&waits)
			return err == nil && (waits == "nobody") == strings.Contains(sql, "nobody")
		})
	}
	setting(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		s.coldAnswers(ids[3:])
	}()
	for range 20 {
		if warm := s.pageIsRight(len(ids)); warm < 6 {
			t.Errorf("%d thumbnails are on the page, want the 6 that were there", warm)
		}
	}
	setting(`ALTER SYSTEM RESET synchronous_standby_names`)
	<-answered
	s.allWarm(ids)
	s.rowsHaveFiles(s.file.Storage.Root)
}
