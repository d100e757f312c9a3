package deploy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// startNginx starts the real nginx with thumbedge.conf before upstream, with these
// further edits.
func startNginx(t *testing.T, upstream string, edits ...string) *testenv.Nginx {
	t.Helper()
	return testenv.StartNginx(t, func(address string) string {
		all := map[string]string{"listen 80;": "listen " + address + ";", "server 127.0.0.1:8080 ": "server " + upstream + " "}
		for i := 0; i < len(edits); i += 2 {
			all[edits[i]] = edits[i+1]
		}
		return edited(t, "nginx/thumbedge.conf", all)
	})
}

// startApp runs an app for the time of a test.
func startApp(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server
}

// TestNginxAccepts lets nginx judge thumbedge.conf.
func TestNginxAccepts(t *testing.T) {
	t.Parallel()
	output, err := startNginx(t, nobody).Check()
	if err != nil || strings.Contains(output, "[warn]") {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestNginxForwards: what reaches the app through nginx and thumbedge.
func TestNginxForwards(t *testing.T) {
	t.Parallel()
	app := startApp(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "host=%s for=%s proto=%s fhost=%s", r.Host, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"))
	})
	n := startNginx(t, start(t, app.Listener.Addr().String()).Addr())
	for header, want := range map[string]string{
		"":                                "host=site.example for=127.0.0.1 proto=http fhost=site.example",
		"X-Forwarded-For: 192.0.2.7\r\n":  "host=site.example for=192.0.2.7, 127.0.0.1 proto=http fhost=site.example",
		"X-Forwarded-Proto: https\r\n":    "host=site.example for=127.0.0.1 proto=http fhost=site.example",
		"X-Forwarded-Host: evil.test\r\n": "host=site.example for=127.0.0.1 proto=http fhost=site.example",
	} {
		conn := dial(t, n)
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: site.example\r\n%s\r\n", header)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		// thumbedge appends the peer that it saw, which is nginx.
		if got := strings.Replace(string(body), ", 127.0.0.1 proto", " proto", 1); got != want {
			t.Errorf("with %q the app sees\n%s, want\n%s", header, body, want)
		}
	}
}

func dial(t *testing.T, n *testenv.Nginx) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// TestNginxKeepsConnections: requests of many clients share connections to thumbedge.
func TestNginxKeepsConnections(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	app.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	app.Start()
	t.Cleanup(func() { app.CloseClientConnections(); app.Close() })
	n := startNginx(t, app.Listener.Addr().String())
	for range 30 {
		conn := dial(t, n)
		fmt.Fprint(conn, "GET / HTTP/1.0\r\nHost: site.example\r\n\r\n")
		if answer, err := io.ReadAll(conn); err != nil || !bytes.HasSuffix(answer, []byte("HTTP/1.1")) {
			t.Fatalf("%v: %s", err, answer)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("30 requests, one after the other, took %d connections, want 1", got)
	}
}

// TestNginxTunnelsWebSockets: bytes pass in both directions, in any order.
func TestNginxTunnelsWebSockets(t *testing.T) {
	t.Parallel()
	app := startApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			http.Error(w, "no upgrade", http.StatusBadRequest)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n")
		_, _ = io.Copy(conn, buffered)
	})
	n := startNginx(t, start(t, app.Listener.Addr().String()).Addr())
	conn := dial(t, n)
	fmt.Fprint(conn, "GET /ws/ HTTP/1.1\r\nHost: site.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", response, err)
	}
	expect := func(want string) {
		t.Helper()
		if line, err := reader.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
	}
	expect("hello\n")
	for i := range 3 {
		fmt.Fprintf(conn, "frame %d\n", i)
		expect(fmt.Sprintf("frame %d\n", i))
	}
}
