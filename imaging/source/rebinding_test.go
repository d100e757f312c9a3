package source

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A name that resolves to a private address by the time a connection is made is
// refused, whatever it looks like and resolved to before; so is a redirect to one.
// The server of names here knows one answer to every question: loopback.
func TestNamesThatResolveToPrivateAddresses(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		if r.URL.Path == "/away" {
			http.Redirect(w, r, r.URL.RawQuery, http.StatusFound)
		}
	}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	resolver := serveNames(t)
	fetch := func(cfg Config, target string) error {
		f := newTestFetcher(t, cfg)
		g := newGuard(cfg)
		g.resolver = resolver
		f.guarded.DialContext = g.dial(5 * time.Second)
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Fetch(t.Context(), Location{url: u}, anyRoom)
		return err
	}
	closed, listed := Defaults(), Defaults()
	listed.AllowHosts = []string{"photos.example.org"}
	const name = "http://rebind.example.org:"
	for _, target := range []string{name + port + "/x", "http://photos.example.org.evil.example:" + port + "/x"} {
		if err := fetch(listed, target); !errors.Is(err, thumb.ErrOriginalUnavailable) {
			t.Errorf("%s: %v", target, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached a private address", n)
	}
	if err := fetch(listed, "http://photos.example.org:"+port+"/x"); err != nil || reached.Load() != 1 {
		t.Errorf("a listed name: %v", err)
	}
	for _, next := range []string{name + port + "/x", "http://127.0.0.1:" + port + "/x"} {
		before := reached.Load()
		err := fetch(listed, "http://photos.example.org:"+port+"/away?"+next)
		if n := reached.Load() - before; n != 1 || !errors.Is(err, thumb.ErrOriginalUnavailable) {
			t.Errorf("redirected to %s: %d requests, %v", next, n, err)
		}
	}
	if err := fetch(closed, "http://photos.example.org:"+port+"/x"); err == nil {
		t.Error("a name that is not listed is reached")
	}
}

// serveNames runs a server of names that says 127.0.0.1 to every question of IPv4,
// and returns a resolver that asks it.
func serveNames(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			end := 12 // of the question: labels up to the empty one, then type and class
			for end < n && query[end] != 0 {
				end += int(query[end]) + 1
			}
			end += 5
			if end > n {
				continue
			}
			answer := append([]byte(nil), query[:end]...)
			copy(answer[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // a response, one question
			if query[end-3] == 1 {                                       // A, not AAAA
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
			}
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}
