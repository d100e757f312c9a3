package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// SIGTERM under load cuts off not one request: each client is answered until it is
// told that its connection ends, or is refused; requests that the app has in hand
// are waited for; the process ends with status 0.
func TestServeDrainsUnderLoad(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var slow atomic.Int32
	app := startApp(t, func(conn net.Conn, br *bufio.Reader) {
		for {
			_, target, err := readHead(br)
			if err != nil {
				return
			}
			if target == "/slow" {
				slow.Add(1)
				<-release
			}
			if _, err := io.WriteString(conn, okAnswer); err != nil {
				return
			}
		}
	})
	s := serve(t, configure(t, app, nobody, ""))
	const waiting, loading = 10, 20
	var clients sync.WaitGroup
	for range waiting {
		conn, br := s.dial(t)
		clients.Go(func() {
			if head, body, err := exchange(conn, br, "/slow"); err != nil || body != "ok" {
				t.Errorf("a request in flight was cut off: %v after %q", err, head)
			}
		})
	}
	var answered atomic.Int64
	for range loading {
		clients.Go(func() {
			for s.ask(t, &answered) {
			}
		})
	}
	eventually.HoldsAfterWork(t, "load", answered.Load, func() bool { return slow.Load() == waiting && answered.Load() > 1000 })
	s.terminate(t)
	eventually.Holds(t, "new connections are refused", s.refuses)
	close(release)
	clients.Wait()
	s.checkExit(t)
	t.Logf("%d requests were answered", answered.Load())
}

// drainQuiet is how long a draining server keeps an idle connection, at least.
const drainQuiet = 250 * time.Millisecond

// ask sends requests on one connection until one is answered with Connection: close,
// and says whether to come back. A connection that the listener had queued, but
// nobody accepted, ends before it is used: that is a refusal. So does one that was
// idle for drainQuiet, on a machine that is very busy: it was not where even the request
// before was sent less than that ago.
func (s *server) ask(t *testing.T, answered *atomic.Int64) bool {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn = eventually.Unhurried(conn)
	br := bufio.NewReader(conn)
	var before, sent time.Time
	for {
		before, sent = sent, time.Now()
		head, body, err := exchange(conn, br, "/x")
		if err != nil || body != "ok" {
			if took := time.Since(before); took < drainQuiet || head != "" {
				t.Errorf("a request was cut off: %v after %q, %v after the one before", err, head, took)
			}
			return false
		}
		answered.Add(1)
		if strings.Contains(head, "\r\nConnection: close\r\n") {
			return true
		}
	}
}

// A render that is in flight when SIGTERM comes is finished: its client gets the
// redirect, and the row is there.
func TestServeDrainsRenders(t *testing.T) {
	t.Parallel()
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 640, 480)), nil); err != nil {
		t.Fatal(err)
	}
	fetching, release := make(chan struct{}), make(chan struct{})
	originals := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(fetching)
		<-release
		_, _ = w.Write(photo.Bytes())
	}))
	t.Cleanup(originals.Close)
	app := startApp(t, func(net.Conn, *bufio.Reader) {})
	database := testenv.Database(t)
	config := configure(t, app, database, "[source]\nallow_private_networks = true\n")
	if out, err := thumbedge(t, "migrate", "up", "--config", config).CombinedOutput(); err != nil {
		t.Fatalf("migrate up: %v: %s", err, out)
	}
	db, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(t.Context()) })
	if _, err := db.Exec(t.Context(), fmt.Sprintf(`INSERT INTO main_project (id, name, draft) VALUES (1, 'moths', false);
		INSERT INTO main_sourceimage (id, path, public_base_url, last_modified, project_id) VALUES (1, 'a.jpg', '%s/', '2026-06-01 12:00Z', 1)`, originals.URL)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, config)
	conn, br := s.dial(t)
	_, _ = io.WriteString(conn, get("/api/v2/captures/thumbnails/1/?label=small"))
	<-fetching
	s.terminate(t)
	eventually.Holds(t, "new connections are refused", s.refuses)
	close(release)
	if head, _, err := readHead(br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 302 ") {
		t.Errorf("answer %q, %v", head, err)
	}
	s.checkExit(t)
	var rows int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM main_sourceimagethumbnail WHERE source_image_id = 1`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
