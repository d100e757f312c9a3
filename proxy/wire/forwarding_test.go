package wire

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Hop-by-hop headers stay on their hop, and so does everything that Connection
// names; what framing and routing need cannot be named away.
func TestHopByHopHeadersAreRemoved(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	p.Exchange("GET /x HTTP/1.1\r\nHost: site.test\r\n" +
		"Connection: keep-alive, X-Gone\r\n" +
		"Connection: x-also-gone, Host, X-Forwarded-For\r\n" +
		"X-Gone: 1\r\nX-Also-Gone: 1\r\nX-Stays: 1\r\n" +
		"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: secret\r\n" +
		"TE: trailers\r\nTrailer: X-Sum\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n")
	got := a.Seen()[0]
	for _, gone := range []string{"Connection", "X-Gone", "X-Also-Gone", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "Upgrade", "HTTP2-Settings"} {
		if values := wiretest.Fields(got, gone); values != nil {
			t.Errorf("%s reached the app: %q", gone, values)
		}
	}
	for _, stays := range []string{"X-Stays", "Host", "X-Forwarded-For"} {
		if values := wiretest.Fields(got, stays); len(values) != 1 {
			t.Errorf("%s: %q", stays, values)
		}
	}
}

// HTTP/2 by upgrade would take a connection past every rule of the proxy.
func TestUpgradeToHTTP2IsNotPassedOn(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	raw := p.Exchange("GET /x HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n")
	if wiretest.Body(raw) != "ok" || wiretest.Fields(a.Seen()[0], "Upgrade") != nil {
		t.Errorf("answer %q, request %q", raw, a.Seen()[0])
	}
}

func TestForwardingHeaders(t *testing.T) {
	t.Parallel()
	sent := "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\n" +
		"X-Forwarded-Host: public.test\r\nForwarded: for=203.0.113.7;proto=https\r\nX-Real-IP: 203.0.113.7\r\n" +
		"X_Forwarded_Proto: https\r\nX-Forwarded-Port: 443\r\n"
	cases := []struct {
		name    string
		proxies []string
		sent    string
		want    map[string][]string
	}{
		{"trusted peer is believed and added to", []string{"127.0.0.0/8"}, sent, map[string][]string{
			"X-Forwarded-For": {"203.0.113.7, 198.51.100.1, 127.0.0.1"}, "X-Forwarded-Proto": {"https"},
			"X-Forwarded-Host": {"public.test"}, "X-Real-IP": {"203.0.113.7"}, "X-Forwarded-Port": {"443"},
			"Forwarded":         {`for=203.0.113.7;proto=https, for=127.0.0.1;host="site.test";proto=https`},
			"X_Forwarded_Proto": nil,
		}},
		{"anybody else is replaced", []string{"10.0.0.0/8"}, sent, map[string][]string{
			"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"site.test"},
			"Forwarded": {`for=127.0.0.1;host="site.test";proto=http`},
			"X-Real-IP": nil, "X-Forwarded-Port": nil, "X_Forwarded_Proto": nil,
		}},
		{"nothing sent", []string{"10.0.0.0/8"}, "", map[string][]string{
			"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"site.test"}, "Forwarded": nil,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
			p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.TrustedProxies = c.proxies })
			for range 2 {
				p.Exchange("GET /x HTTP/1.1\r\nHost: site.test\r\n" + c.sent + "\r\n")
			}
			for name, want := range c.want {
				if diff := cmp.Diff(want, wiretest.Fields(a.Seen()[1], name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			warnings := strings.Count(p.log.String(), "server.trusted_proxies")
			if want := map[bool]int{true: 1}[c.sent != "" && c.proxies[0] == "10.0.0.0/8"]; warnings != want {
				t.Errorf("warned %d times, want %d", warnings, want)
			}
		})
	}
}

func TestHostIsPreservedOrReplaced(t *testing.T) {
	t.Parallel()
	for _, preserve := range []bool{true, false} {
		a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
		p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.PreserveHost = preserve })
		p.Exchange(wiretest.Get("/x"))
		want := map[bool]string{true: "site.test", false: a.Addr}[preserve]
		if got := wiretest.Fields(a.Seen()[0], "Host"); len(got) != 1 || got[0] != want {
			t.Errorf("preserve_host %v: Host %q, want %q", preserve, got, want)
		}
	}
}

// A request id is made where there is none, and logged.
func TestRequestID(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	p.Exchange(wiretest.Get("/x"))
	id := wiretest.Fields(a.Seen()[0], "X-Request-Id")
	if len(id) != 1 || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id[0]) {
		t.Fatalf("X-Request-Id %q", id)
	}
	eventually.Holds(t, "the id is in the access log", func() bool {
		return strings.Contains(p.log.String(), "request_id="+id[0])
	})
}
