package wire

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

func speaksPROXY(cfg *Config) { cfg.Server.ProxyProtocol = true }

// proxyHead is what a balancer puts before a connection's bytes.
func proxyHead(t *testing.T, version byte, from string) string {
	t.Helper()
	head := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:80")))
	if strings.HasPrefix(from, "[") {
		head = proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[2001:db8::ff]:80")))
	}
	if version == 2 { // balancers add what else they know
		if err := head.SetTLVs([]proxyproto.TLV{{Type: proxyproto.PP2_TYPE_AUTHORITY, Value: bytes.Repeat([]byte("x"), 3000)}}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := head.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The real nginx, carrying bytes: the app and the access log learn of nginx's client, not
// of nginx, on every request of the connection.
func TestNginxSpeaksPROXY(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) {
		speaksPROXY(cfg)
		cfg.Server.TrustedProxies = []string{"127.0.0.1/32"}
	})
	nginx := testenv.StartNginxStream(t, func(address string) string {
		return fmt.Sprintf("server { listen %s; proxy_protocol on; proxy_pass %s; }\n", address, p.Addr)
	})
	w := (&wiretest.Front{T: t, Addr: nginx.Address}).DialFrom(net.IPv4(127, 0, 0, 7))
	for range 3 {
		w.Send("GET /x HTTP/1.1\r\nHost: s\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
		if raw := w.Answer(); wiretest.Body(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	for _, got := range a.Seen() {
		if from := wiretest.Fields(got, "X-Forwarded-For"); len(from) != 1 || from[0] != "127.0.0.7" {
			t.Errorf("the app was told %q", from)
		}
	}
	eventually.Holds(t, "the log names the client", func() bool {
		return strings.Count(p.log.String(), " remote=127.0.0.7 client=127.0.0.7 ") == 3
	})
}

// Both versions, both families, with the request behind it in the same packet.
func TestPROXYHeads(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, speaksPROXY)
	for _, version := range []byte{1, 2} {
		for from, want := range map[string]string{"203.0.113.7:4711": "203.0.113.7", "[2001:db8::1]:4711": "2001:db8::1"} {
			for _, slow := range []bool{false, true} {
				w, all := p.Dial(), proxyHead(t, version, from)+wiretest.Get("/x")
				if slow && version == 2 { // a sender of version 1 has to send it at once
					for i := range len(all) {
						w.Send(all[i : i+1])
					}
				} else {
					w.Send(all)
				}
				if raw := w.Answer(); wiretest.Body(raw) != "ok" {
					t.Fatalf("version %d: answer %q", version, raw)
				}
				seen := a.Seen()
				if got := wiretest.Fields(seen[len(seen)-1], "X-Forwarded-For"); len(got) != 1 || got[0] != want {
					t.Errorf("version %d: the app was told %q, want %s", version, got, want)
				}
			}
		}
	}
	local, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}).Format()
	if err != nil {
		t.Fatal(err)
	}
	if raw := p.Exchange(string(local) + wiretest.Get("/x")); wiretest.Body(raw) != "ok" {
		t.Errorf("the balancer's own look got %q", raw)
	}
}

// Who may not say whose connection it is, says nothing, or says nonsense gets nothing.
func TestPROXYIsRefused(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	trusting := startServer(t, a.Addr, speaksPROXY)
	for _, head := range []string{"", "PROXY TCP4 203.0.113.7\r\n", "PROXY UNKNOWN", "\r\n\r\n\x00\r\nQUIT\n\x2f\x11\x00\x0c", strings.Repeat("PROXY", 100) + "\r\n"} {
		w := trusting.Dial().Send(head + wiretest.Get("/x"))
		if got, _ := w.Rest(); got != "" {
			t.Errorf("%q got %q", head, got)
		}
	}
	strict := startServer(t, a.Addr, func(cfg *Config) {
		speaksPROXY(cfg)
		cfg.Server.TrustedProxies = []string{"10.0.0.0/8"}
	})
	w := strict.Dial().Send(proxyHead(t, 1, "203.0.113.7:1") + wiretest.Get("/x"))
	if got, _ := w.Rest(); got != "" {
		t.Errorf("a stranger got %q", got)
	}
	if n := len(a.Seen()); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
	if n := count(strict.server.metrics.rejected[rejectProxyHead]); n != 1 {
		t.Errorf("%d were counted", n)
	}
	off := startServer(t, a.Addr, nil)
	if raw := off.Exchange(proxyHead(t, 1, "203.0.113.7:1") + wiretest.Get("/x")); !strings.HasPrefix(raw, "HTTP/1.1 400 ") {
		t.Errorf("where it is off it got %q", raw)
	}
}
