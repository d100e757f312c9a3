package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

func TestResponseTimeout(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.Read(br); err != nil {
				return
			}
		}
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.ResponseTimeout = 50 * time.Millisecond })
	w := p.Dial()
	for range 2 {
		if raw := w.Send(wiretest.Get("/x")).Answer(); !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
			t.Errorf("answer %q", raw)
		}
	}
	if n := len(a.Seen()); n != 2 {
		t.Errorf("delivered %d times", n)
	}
}

// An answer that comes after the client was told 504 is never taken for the answer
// to another request.
func TestLateAnswerIsNotTheNextOne(t *testing.T) {
	t.Parallel()
	late := make(chan struct{})
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := a.Read(br)
			if err != nil {
				return
			}
			body := strings.Split(raw, " ")[1]
			if body == "/late" {
				<-late
			}
			if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				return
			}
		}
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.ResponseTimeout = 100 * time.Millisecond })
	w := p.Dial()
	if raw := w.Send(wiretest.Get("/late")).Answer(); !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
		t.Errorf("answer %q", raw)
	}
	w.Send(wiretest.Get("/next"))
	eventually.Holds(t, "it is with the app, or on its way", func() bool { return len(a.Seen()) == 2 || len(p.server.pool.slots) > 0 })
	close(late)
	if raw := w.Answer(); wiretest.Body(raw) != "/next" && !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
		t.Errorf("the next request was answered %q", raw)
	}
}

// The time an upload takes does not count against the app's time to answer.
func TestResponseTimeoutBeginsAfterTheUpload(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) })
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	client, err := p.server.newClient(w.TCPConn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := p.server.pool.acquire(client, true)
	if err != nil {
		t.Fatal(err)
	}
	conn.attach(client)
	defer conn.close()
	u := &upload{done: make(chan struct{})}
	client.req.upload = u
	start := time.Now()
	limit := p.server.settings.Load().Upstream.ResponseTimeout
	for i := range 3 {
		start = start.Add(limit + time.Second)
		if err := conn.lookAround(start); err != nil {
			t.Fatalf("look %d: %v", i, err)
		}
	}
	close(u.done)
	if err := conn.lookAround(start.Add(limit - time.Second)); err != nil {
		t.Errorf("before the limit: %v", err)
	}
	if err := conn.lookAround(start.Add(limit)); err != errResponseTimeout {
		t.Errorf("after the limit: %v", err)
	}
}
