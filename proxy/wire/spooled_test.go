package wire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// zeros is an endless body that costs little to make.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// nothingHeld checks that nothing is kept any more.
func (s *testServer) nothingHeld() {
	s.T.Helper()
	eventually.Holds(s.T, "nothing is kept", func() bool { return s.server.spool.Memory() == 0 && s.server.spool.Disk() == 0 })
}

// With no room left, a body that has a length is streamed from where it stands, and one
// that has none is refused: before a client that asks is told to go on.
func TestSpoolFull(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	const chunked = "POST /x HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n"
	body := strings.Repeat("0123456789", 30_000)
	sized := "POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: " + itoa(len(body)) + "\r\n"
	for name, edit := range map[string]func(*Config){
		"the quotas":       func(cfg *Config) { cfg.Upstream.SpoolMemory, cfg.Upstream.SpoolDisk = 16<<10, 100_000 },
		"one body's limit": func(cfg *Config) { cfg.Upstream.SpoolMax = 200_000 },
		"no directory": func(cfg *Config) {
			cfg.Upstream.SpoolMemory, cfg.Upstream.SpoolDir = 100_000, filepath.Join(t.TempDir(), "none")
		},
		"no room at all": func(cfg *Config) { cfg.Upstream.SpoolMemory, cfg.Upstream.SpoolDisk = 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			p := startServer(t, a.Addr, edit)
			seen := len(a.Seen())
			if raw := p.Exchange(sized + "\r\n" + body); wiretest.Body(raw) != "ok" {
				t.Errorf("with a length: %q", raw)
			}
			if got := a.Seen()[seen]; wiretest.Body(got) != body || wiretest.Fields(got, "Content-Length")[0] != itoa(len(body)) {
				t.Errorf("%d bytes arrived", len(wiretest.Body(got)))
			}
			w := p.Dial().Send(sized + "Expect: 100-continue\r\n\r\n")
			if raw, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 100 ") {
				t.Errorf("told to go on by %q, %v", raw, err)
			}
			if raw := w.Send(body).Answer(); wiretest.Body(raw) != "ok" {
				t.Errorf("with a length, told to go on: %q", raw)
			}
			seen = len(a.Seen())
			if raw := p.Exchange(chunked + "\r\n" + chunks(body, 1000, "")); !strings.HasPrefix(raw, "HTTP/1.1 413 ") {
				t.Errorf("without a length: %q", raw)
			}
			if name == "no room at all" {
				if raw := p.Exchange(chunked + "Expect: 100-continue\r\n\r\n"); !strings.HasPrefix(raw, "HTTP/1.1 413 ") {
					t.Errorf("without a length, asking: %q", raw)
				}
			}
			if n := len(a.Seen()); n != seen {
				t.Errorf("the app was sent %d of the requests that were refused", n-seen)
			}
			if name != "one body's limit" && count(p.server.metrics.spoolFull["streamed"]) != 2 {
				t.Errorf("%d are counted as streamed", count(p.server.metrics.spoolFull["streamed"]))
			}
			p.nothingHeld()
		})
	}
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.SpoolDir = filepath.Join(t.TempDir(), "none") })
	if p.server.SpoolNotice() == "" || !strings.Contains(p.log.String(), "cannot be written") {
		t.Errorf("of a directory that does not exist it says %q: %s", p.server.SpoolNotice(), p.log.String())
	}
}

// Under stream_paths the app hears of an upload while it comes, and takes its answer no
// faster than the client.
func TestStreamPaths(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 2)
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		head, _ := wiretest.ReadHead(br)
		heard <- head
		_, _ = io.Copy(io.Discard, br)
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.StreamPaths = []string{"/live/"} })
	const rest = " HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	p.Dial().Send("POST /other/" + rest)
	p.Dial().Send("POST /%6cive/x" + rest)
	if head := <-heard; !strings.HasPrefix(head, "POST /%6cive/x ") || !strings.Contains(head, "chunked") {
		t.Errorf("the app heard of %q", head)
	}
}

// A client that leaves in the middle of its upload, or of an answer that waits for it,
// leaves nothing behind, and the app hears nothing of the upload.
func TestClientGoneWhileSpooled(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
		_, _ = io.CopyN(conn, zeros{}, 90_000_000)
		_, _ = io.Copy(io.Discard, br)
	})
	p := startServer(t, a.Addr, nil)
	w := p.Dial().Send("POST /upload HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100_000))
	eventually.Holds(t, "some of it is kept", func() bool { return p.server.spool.Memory() > 0 })
	_ = w.Close()
	p.nothingHeld()
	w = p.Dial()
	w.Send(wiretest.Get("/download"))
	eventually.Holds(t, "the app is far ahead", func() bool { return p.server.spool.Disk() > 50_000_000 })
	_ = w.Close()
	p.nothingHeld()
	eventually.Holds(t, "no connection to the app is in use", func() bool { return len(p.server.pool.slots) == 0 })
	if seen := a.Seen(); len(seen) != 1 || !strings.HasPrefix(seen[0], "GET /download ") {
		t.Errorf("the app was sent %q", seen)
	}
}

// An answer that breaks off behind its client's back looks broken to the client, after
// all that came of it; its framing, too, comes as the app meant it.
func TestAnswerBreaksOffBehindASlowClient(t *testing.T) {
	t.Parallel()
	const size = 24 << 20
	sent := make([]byte, size)
	_, _ = (&pattern{}).Read(sent)
	for _, framing := range []string{"Content-Length: 99999999\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5f5e0ff\r\n"} {
		a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
			_, _ = a.Read(br)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+framing)
			_, _ = conn.Write(sent)
		})
		p := startServer(t, a.Addr, nil)
		w := p.Dial()
		w.Send(wiretest.Get("/x"))
		eventually.Holds(t, "the app is far ahead", func() bool { return p.server.spool.Disk() > size/4 })
		if _, err := wiretest.ReadHead(w.Br); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(w.Br)
		if whole := strings.HasPrefix(framing, "Content"); err == nil || len(got) < size/4 || whole && !bytes.HasPrefix(sent, got) {
			t.Errorf("%q: %d bytes came, then %v", framing, len(got), err)
		}
		p.nothingHeld()
	}
}

// What a slow client gets of a chunked answer, with trailers, is byte for byte what a
// fast one gets, and the app's connection is free long before.
func TestSlowClientGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	const size = 24 << 20
	sent := make([]byte, size)
	_, _ = (&pattern{}).Read(sent)
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.Read(br); err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1800000\r\n")
			_, _ = conn.Write(sent)
			_, _ = io.WriteString(conn, "\r\n0\r\nX-Sum: 7\r\n\r\n")
		}
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.IdleTimeout = time.Minute })
	w := p.Dial()
	w.Send(wiretest.Get("/x"))
	eventually.Holds(t, "the app's connection is free", func() bool { return p.server.spool.Disk() > 0 && len(p.server.pool.slots) == 0 })
	if raw, err := wiretest.ReadMessage(w.Br); err != nil || !strings.HasSuffix(raw, "\r\n0\r\nX-Sum: 7\r\n\r\n") {
		t.Fatalf("%v, %d bytes", err, len(raw))
	} else if wiretest.Unchunk(t, wiretest.Body(raw)) != string(sent) {
		t.Error("other bytes came")
	}
	_ = w.SetDeadline(time.Now().Add(wiretest.Deadline))
	if raw, err := wiretest.ReadMessage(w.Send(wiretest.Get("/next")).Br); err != nil || len(raw) < size {
		t.Errorf("the next answer on the connection: %v, %d bytes", err, len(raw))
	}
	if n := a.Accepted(); n != 1 {
		t.Errorf("%d connections to the app", n)
	}
	p.nothingHeld()
}

// An app that takes nothing of a large upload has failed after a time of its own, not
// only when the time to answer is over.
func TestAppThatTakesNothing(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) { <-t.Context().Done() })
	p := startServer(t, a.Addr, nil, func(s *Server) { s.pool.stall = 200 * time.Millisecond })
	w := p.Dial().Send("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 50000000\r\n\r\n")
	if _, err := io.CopyN(w.TCPConn, zeros{}, 50_000_000); err != nil {
		t.Fatal(err)
	}
	if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
		t.Errorf("answer %q", raw)
	}
	p.nothingHeld()
}
