package wire

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// The disk stands still under spooled bodies. A request whose body lies there once waited
// for as long as that took, with a connection to the app, and an answer with a thread. Both
// end in time, everybody else goes on, and nothing is left when the disk is back.
func TestSpooledBodiesOnADiskThatStandsStill(t *testing.T) {
	t.Parallel()
	if !testenv.Alone(t) {
		return
	}
	const large = 16 << 20 // more than the kernel has for a client that reads nothing
	var given atomic.Int64
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := wiretest.ReadMessage(br)
			if err != nil {
				return
			}
			answer := wiretest.OK
			if strings.HasPrefix(raw, "GET /large") {
				answer = "HTTP/1.1 200 OK\r\nContent-Length: " + itoa(large) + "\r\n\r\n" + strings.Repeat("x", large)
			}
			n, _ := io.WriteString(conn, answer)
			given.Add(int64(n))
		}
	})
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.SpoolDir, cfg.Upstream.SpoolMemory = dir, 64<<10 })
	disk := testenv.InterceptReads(t, dir)
	upload := func() *wiretest.Client {
		return p.Dial().Send("POST /upload HTTP/1.1\r\nHost: site.test\r\nContent-Length: " + itoa(2<<20) + "\r\n\r\n" + strings.Repeat("x", 2<<20))
	}
	if raw := upload().Answer(); wiretest.Body(raw) != "ok" {
		t.Fatalf("an upload is answered %q", raw)
	}
	slow := p.Dial()
	_ = slow.SetReadBuffer(256 << 10) // less would be read slowly
	slow.Send(wiretest.Get("/large"))
	eventually.HoldsAfterWork(t, "the app has given it all", given.Load, func() bool { return given.Load() > large })
	disk.StandStill()
	read := make(chan int)
	go func() {
		got, _ := io.ReadAll(slow.Br)
		read <- len(got)
	}()
	uploads := []*wiretest.Client{upload(), upload(), upload()}
	eventually.Holds(t, "the disk is asked for all of them", func() bool { return disk.Stopped() == 4 })
	for range 20 {
		if raw := p.Exchange(wiretest.Get("/page")); wiretest.Body(raw) != "ok" {
			t.Errorf("a page meanwhile is %q", raw)
		}
	}
	for _, w := range uploads {
		if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 503 ") {
			t.Errorf("an upload that the disk does not give back is answered %q", raw)
		}
	}
	if got := <-read; got == 0 || got >= large {
		t.Errorf("the client of an answer got %d bytes", got)
	}
	if log := p.log.String(); strings.Count(log, "the disk stands still") < 4 {
		t.Errorf("the log says nothing of it:\n%s", log)
	}
	disk.GoOn()
	if raw := upload().Answer(); wiretest.Body(raw) != "ok" {
		t.Errorf("the disk is back, and an upload is answered %q", raw)
	}
	eventually.Holds(t, "nothing is left", func() bool {
		return len(p.server.pool.slots) == 0 && p.server.spool.Disk() == 0 && p.server.spool.Memory() == 0
	})
}
