package upstream

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
)

// nameServer answers every question for IPv4 addresses with those that it holds, and is
// asked instead of the system's.
func nameServer(t *testing.T, addresses *atomic.Pointer[[]net.IP]) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12 // of the question, behind the head: a name in labels, type, class
			for end < n && buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			end += 5
			answer := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, buf[12:end]...)
			if isA := buf[end-3] == 1; isA {
				for _, ip := range *addresses.Load() {
					answer[7]++
					answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
					answer = append(answer, ip.To4()...)
				}
			}
			_, _ = socket.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// Of the addresses of a name one that refuses does not matter, and new ones count for the
// next connection.
func TestNamesAreResolvedAgainAndTriedInTurn(t *testing.T) {
	t.Parallel()
	first, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, port, _ := net.SplitHostPort(first.Addr().String())
	second, err := net.Listen("tcp", "127.0.0.4:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	app, err := New(Config{URL: "http://app.test:" + port})
	if err != nil {
		t.Fatal(err)
	}
	var addresses atomic.Pointer[[]net.IP]
	app.dialer.Resolver = nameServer(t, &addresses)
	for _, c := range []struct {
		addresses []net.IP
		want      string
	}{
		{[]net.IP{net.IPv4(127, 0, 0, 2), net.IPv4(127, 0, 0, 3)}, first.Addr().String()},
		{[]net.IP{net.IPv4(127, 0, 0, 3), net.IPv4(127, 0, 0, 2)}, first.Addr().String()},
		{[]net.IP{net.IPv4(127, 0, 0, 2), net.IPv4(127, 0, 0, 4)}, second.Addr().String()},
	} {
		addresses.Store(&c.addresses)
		conn, err := app.Connect(t.Context())
		if err != nil {
			t.Fatalf("%v: %v", c.addresses, err)
		}
		if got := conn.RemoteAddr().String(); got != c.want {
			t.Errorf("%v led to %s, want %s", c.addresses, got, c.want)
		}
		conn.Close()
	}
	addresses.Store(&[]net.IP{net.IPv4(127, 0, 0, 2)})
	if _, err := app.Connect(t.Context()); !Refuses(err) {
		t.Errorf("with no address that listens: %v", err)
	}
}
