package admin_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
)

// serve lets the listener answer on a real address, given as in the configuration.
func (l *listener) serve(address string) (port string) {
	l.Helper()
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		l.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- l.server.Serve(tcp) }()
	l.Cleanup(func() {
		_ = l.server.Shutdown(l.Context())
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			l.Error(err)
		}
	})
	_, port, _ = net.SplitHostPort(tcp.Addr().String())
	return port
}

// alone is a client whose every request has a connection of its own.
var alone = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// A listener on every address may have a proxy before it on this machine: that a
// request comes over 127.0.0.1 says nothing.
func TestEveryAddressNeedsTheTokenOverLoopbackToo(t *testing.T) {
	t.Parallel()
	l := newListenerOn(t, "0.0.0.0:0", "s3cret")
	port := l.serve("0.0.0.0:0")
	for path, want := range map[string]int{"/": 401, "/cache": 401, "/debug/pprof/cmdline": 401, "/healthz": 200, "/metrics": 200} {
		response, err := alone.Get("http://127.0.0.1:" + port + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s without the token: %d, want %d", path, response.StatusCode, want)
		}
	}
}

// However many connections somebody opens and leaves alone, few are held, and a health
// check comes in at once.
func TestIdleConnectionsAreFew(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	address := "127.0.0.1:" + l.serve("127.0.0.1:0")
	const opened = 400
	conns := make([]net.Conn, opened)
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
	}
	response, err := alone.Get("http://" + address + "/healthz")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the health check got %v, %v", response, err)
	}
	response.Body.Close()
	// They were accepted in their order: the first ones are those that have waited for
	// longest.
	for _, conn := range conns[:opened+1-admin.MaxConns] {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a connection too many is held: %d, %v", n, err)
		}
	}
	if got := l.counted("thumbedge_admin_connections_closed_total"); got != opened+1-admin.MaxConns {
		t.Errorf("%v are counted as closed, want %d", got, opened+1-admin.MaxConns)
	}
}

// A connection with a request goes on while new ones come.
func TestConnectionsWithRequestsStay(t *testing.T) {
	t.Parallel()
	watch := admin.NewWatch()
	var busy [admin.MaxConns]*probe
	for i := range busy {
		busy[i] = &probe{}
		watch(busy[i], http.StateNew)
		watch(busy[i], http.StateActive)
	}
	late := &probe{}
	if watch(late, http.StateNew); !late.closed {
		t.Error("one more than there may be stays")
	}
	watch(late, http.StateClosed)
	watch(busy[3], http.StateIdle)
	next := &probe{}
	if watch(next, http.StateNew); next.closed || !busy[3].closed {
		t.Errorf("the idle one makes no room: it is closed %v, the new one %v", busy[3].closed, next.closed)
	}
	for i, conn := range busy {
		if i != 3 && conn.closed {
			t.Errorf("connection %d was closed within its request", i)
		}
	}
}

// probe is a connection that only knows whether it was closed.
type probe struct {
	net.Conn
	closed bool
}

func (p *probe) Close() error { p.closed = true; return nil }
