package wire

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

const upgradeRequest = "GET /ws HTTP/1.1\r\nHost: site.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

const upgradeAnswer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// upgrading is an app that answers 101 and then hands the connection over.
func upgrading(then func(conn *net.TCPConn, br *bufio.Reader)) func(*wiretest.App, *net.TCPConn, *bufio.Reader) {
	return func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.Read(br); err == nil {
			_, _ = io.WriteString(conn, upgradeAnswer+"early")
			then(conn, br)
		}
	}
}

// A web socket is a tunnel: bytes go both ways as they are, those sent early too,
// and the end of one side reaches the other, which may go on.
func TestUpgradeIsATunnel(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, upgrading(func(conn *net.TCPConn, br *bufio.Reader) {
		data, err := io.ReadAll(br) // until the client has ended its side
		_, _ = io.WriteString(conn, "|"+string(data)+"|")
		if err != nil {
			t.Errorf("the app read %q, %v", data, err)
		}
	}))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	w.Send(upgradeRequest + "hello")
	head, err := wiretest.ReadHead(w.Br)
	if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 Switching Protocols\r\n") {
		t.Fatalf("answer %q, %v", head, err)
	}
	for name, want := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="} {
		if got := wiretest.Fields(head, name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	eventually.Holds(t, "the tunnel is counted", func() bool { return count(p.server.metrics.tunnels) == 1 })
	w.Send(" world")
	_ = w.CloseWrite()
	if data, failed := w.Rest(); failed || data != "early|hello world|" {
		t.Errorf("the client got %q, reset: %v", data, failed)
	}
	got := a.Seen()[0]
	for name, want := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"} {
		if values := wiretest.Fields(got, name); len(values) != 1 || values[0] != want {
			t.Errorf("the app was sent %s: %q", name, values)
		}
	}
	eventually.Holds(t, "the tunnel is over", func() bool { return count(p.server.metrics.tunnels) == 0 })
}

// The app ends its side, and still gets what the client sends after that.
func TestUpgradeEndedByTheApp(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	a := wiretest.StartApp(t, upgrading(func(conn *net.TCPConn, br *bufio.Reader) {
		_ = conn.CloseWrite()
		data, err := io.ReadAll(br)
		if err != nil {
			t.Errorf("the app read %q, %v", data, err)
		}
		got <- string(data)
	}))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	w.Send(upgradeRequest)
	if _, err := wiretest.ReadHead(w.Br); err != nil {
		t.Fatal(err)
	}
	if data, failed := w.Rest(); failed || data != "early" {
		t.Errorf("the client got %q, reset: %v", data, failed)
	}
	w.Send("still here")
	_ = w.CloseWrite()
	if data := <-got; data != "still here" {
		t.Errorf("the app got %q", data)
	}
}

// A side that fails takes the other with it.
func TestUpgradeThatFails(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	reset := make(chan struct{})
	a := wiretest.StartApp(t, upgrading(func(conn *net.TCPConn, br *bufio.Reader) {
		<-reset
		_ = conn.SetLinger(0)
		_ = conn.Close()
		close(ended)
	}))
	p := startServer(t, a.Addr, nil)
	w := p.Dial().Send(upgradeRequest)
	if _, err := wiretest.ReadHead(w.Br); err != nil {
		t.Fatal(err)
	}
	close(reset)
	<-ended
	w.Rest()
	eventually.Holds(t, "the tunnel is over", func() bool { return count(p.server.metrics.tunnels) == 0 })
}

// A refused upgrade is an answer like any other, and the connection goes on.
func TestRefusedUpgrade(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	for range 2 {
		if raw := w.Send(upgradeRequest).Answer(); !strings.HasPrefix(raw, "HTTP/1.1 403 ") || wiretest.Body(raw) != "no" {
			t.Errorf("answer %q", raw)
		}
	}
}

// A tunnel does not keep a shutdown waiting for longer than its grace.
func TestShutdownCutsTunnels(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, upgrading(func(conn *net.TCPConn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) }))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	w.Send(upgradeRequest)
	if _, err := wiretest.ReadHead(w.Br); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.server.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown: %v", err)
	}
	w.Rest()
}

// Of web sockets there are max_upgrades at once. The next is told to come back; pages have
// the other connections; one that ends, or is refused by the app, leaves its place.
func TestUpgradesAreBounded(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := a.Read(br)
			switch {
			case err != nil:
				return
			case strings.Contains(raw, "Upgrade: other"):
				_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
			case strings.Contains(raw, "Upgrade: "):
				_, _ = io.WriteString(conn, upgradeAnswer)
				_, _ = io.Copy(io.Discard, br)
				return
			default:
				_, _ = io.WriteString(conn, wiretest.OK)
			}
		}
	})
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.MaxUpgrades = 2 })
	for range 3 {
		p.Exchange(strings.Replace(upgradeRequest, "websocket", "other", 1))
		eventually.Holds(t, "its place is free", func() bool { return p.server.upgrades.Load() == 0 })
	}
	var open []*wiretest.Client
	for range 2 {
		w := p.Dial().Send(upgradeRequest)
		if head, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Fatalf("answer %q, %v", head, err)
		}
		open = append(open, w)
	}
	if raw := p.Exchange(upgradeRequest); !strings.HasPrefix(raw, "HTTP/1.1 503 ") || wiretest.Fields(raw, "Retry-After") == nil {
		t.Errorf("the third got %q", raw)
	}
	if raw := p.Exchange(wiretest.Get("/x")); wiretest.Body(raw) != "ok" {
		t.Errorf("a page got %q", raw)
	}
	if n := count(p.server.metrics.rejected[rejectUpgrades]); n != 1 {
		t.Errorf("%d were counted", n)
	}
	open[0].Close()
	eventually.Holds(t, "its place is free", func() bool { return p.server.upgrades.Load() == 1 })
	w := p.Dial().Send(upgradeRequest)
	if head, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Errorf("answer %q, %v", head, err)
	}
}
