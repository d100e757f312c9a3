package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestResponseTimeout(t *testing.T) {
	t.Parallel()
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.read(br); err != nil {
				return
			}
		}
	})
	p := startProxy(t, a.addr, func(cfg *Config, _ *Deps) { cfg.Upstream.ResponseTimeout = 50 * time.Millisecond })
	w := p.dial()
	for range 2 {
		if raw := w.send(get("/x")).answer(); !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
			t.Errorf("answer %q", raw)
		}
	}
	if n := len(a.seen()); n != 2 {
		t.Errorf("delivered %d times", n)
	}
}

// An answer that comes after the client was told 504 is never taken for the answer
// to another request.
func TestLateAnswerIsNotTheNextOne(t *testing.T) {
	t.Parallel()
	late := make(chan struct{})
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := a.read(br)
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
	p := startProxy(t, a.addr, nil, func(s *Server) { s.pool.cfg.ResponseTimeout = 100 * time.Millisecond })
	w := p.dial()
	if raw := w.send(get("/late")).answer(); !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
		t.Errorf("answer %q", raw)
	}
	w.send(get("/next"))
	eventually(t, "it is with the app, or on its way", func() bool { return len(a.seen()) == 2 || len(p.server.pool.slots) > 0 })
	close(late)
	if raw := w.answer(); bodyOf(raw) != "/next" && !strings.HasPrefix(raw, "HTTP/1.1 504 ") {
		t.Errorf("the next request was answered %q", raw)
	}
}

// The time an upload takes does not count against the app's time to answer.
func TestResponseTimeoutBeginsAfterTheUpload(t *testing.T) {
	t.Parallel()
	a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) })
	p := startProxy(t, a.addr, nil)
	w := p.dial()
	client, err := p.server.newClient(w.TCPConn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := p.server.pool.take(client, true)
	if err != nil {
		t.Fatal(err)
	}
	conn.begin(client)
	defer conn.close()
	client.req.upload = &upload{}
	start := time.Now()
	limit := p.server.cfg.Upstream.ResponseTimeout
	for i := range 3 {
		client.req.upload.sent.Add(1)
		start = start.Add(limit - time.Second)
		if err := conn.lookAround(start); err != nil {
			t.Fatalf("look %d: %v", i, err)
		}
	}
	if err := conn.lookAround(start.Add(limit)); err != errResponseTimeout {
		t.Errorf("after the limit: %v", err)
	}
}
