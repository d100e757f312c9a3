package wire

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An app that does not take connections at all is a 502 when connect_timeout is
// over.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	p := startServer(t, deafApp(t), func(cfg *Config) { cfg.Upstream.ConnectTimeout = 100 * time.Millisecond })
	w := p.Dial()
	for range 2 {
		if raw := w.Send(post("/x", "x")).Answer(); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
			t.Errorf("answer %q", raw)
		}
	}
}

// deafApp is the address of a socket whose queue is full: what comes to it gets no
// answer.
func deafApp(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + itoa(name.(*unix.SockaddrInet4).Port)
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if network, ok := err.(net.Error); ok && network.Timeout() {
			return addr
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}
