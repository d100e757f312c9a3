package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// What the app is told of the client, as the real gunicorn and Django understand it.
func TestWhatDjangoIsTold(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			app := testenv.Django(t, testenv.DjangoConfig{Workers: workers})
			trusting := startServer(t, app.Address, nil)
			suspicious := startServer(t, app.Address, func(cfg *Config) { cfg.Server.TrustedProxies = nil })
			for lines, scheme := range map[string]string{
				"": "http", "X-Forwarded-Proto: https": "https", "X-Forwarded-Proto: http": "http",
				"X-Forwarded-Ssl: on": "https", "X-Forwarded-Protocol: ssl": "https", "X-Forwarded-Protocol: https": "http", // to gunicorn
				"Forwarded: for=203.0.113.7;proto=https": "https", "X-Scheme: https": "https", "X-Forwarded-Scheme: https": "https",
				"X-Forwarded-Ssl: on\r\nX-Forwarded-Protocol: ssl\r\nX-Forwarded-Proto: https": "https",
				"X_Forwarded_Proto: https":                       "http",
				"Forwarded: proto=http\r\nX-Forwarded-Ssl: off":  "http",
				"Forwarded: for=1.1.1.1;Proto=\"https\", for=_x": "https",
			} {
				for server, want := range map[*testServer]string{trusting: scheme, suspicious: "http"} {
					request := "GET /x HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n" + lines + "\r\n\r\n"
					if lines == "" {
						request = wiretest.Get("/x")
					}
					if got := testenv.Arrived(t, server.Addr, request); got.Scheme != want {
						t.Errorf("%q, trusted %v: Django takes it for %s, want %s", lines, server == trusting, got.Scheme, want)
					}
				}
			}
			got := testenv.Arrived(t, trusting.Addr, "GET /x/api/v2/captures/thumbnails/7/ HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\nSCRIPT_NAME: /x\r\n\r\n")
			if got.ScriptName != "" || got.Route != "any" {
				t.Errorf("SCRIPT_NAME moved the app's paths: %+v", got)
			}
		})
	}
}

// Names with underscores stay here, unless they are allowed; those that would be taken
// for another header that matters stay all the same.
func TestUnderscoresInNames(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
		p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.AllowUnderscores, cfg.Upstream.Spool = allowed, false })
		p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nX_Custom: 1\r\nSCRIPT_NAME: /x\r\nX-Fine: 1\r\nX_Forwarded_For: 6.6.6.6\r\nX_Forwarded_New: 1\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX_Sum: 1\r\nX-Sum: 2\r\n\r\n")
		got, want := a.Seen()[0], map[bool]int{true: 1}[allowed]
		for name, want := range map[string]int{"X_Custom": want, "SCRIPT_NAME": want, "X-Fine": 1, "X_Forwarded_For": 0, "X_Forwarded_New": 0} {
			if n := len(wiretest.Fields(got, name)); n != want {
				t.Errorf("allowed %v: %s reached the app %d times", allowed, name, n)
			}
		}
		if strings.Contains(got, "X_Sum") != allowed || !strings.Contains(got, "X-Sum: 2\r\n") {
			t.Errorf("allowed %v: trailer %q", allowed, got)
		}
		if n := count(p.server.metrics.headersDropped); n != 4-2*want {
			t.Errorf("allowed %v: %d are counted", allowed, n)
		}
	}
}

// Of a peer that is not trusted, no claim reaches the app, however it is called; a
// trusted one's do.
func TestClaimsOfEveryForm(t *testing.T) {
	t.Parallel()
	names := []string{
		"X-Forwarded-Ssl", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Scheme", "X-Url-Scheme", "Front-End-Https", "X-Forwarded-Prefix",
		"X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Uri", "X-Forwarded-Anything", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip",
		"X-Original-Url", "X-Rewrite-Url", "X-Host", "X-Original-Host", "X-Cluster-Client-Ip", "Cf-Connecting-Ip",
		"X-Script-Name", "X-Original-Uri", "X-Envoy-Original-Path", "Cf-Visitor", "Cf-Connecting-Ipv6", "Fastly-Client-Ip",
	}
	for _, trusted := range []bool{false, true} {
		a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
		p := startServer(t, a.Addr, func(cfg *Config) {
			if !trusted {
				cfg.Server.TrustedProxies = nil
			}
		})
		p.Exchange("GET /x HTTP/1.1\r\nHost: site.test\r\n" + strings.Join(names, ": https\r\n") + ": https\r\n\r\n")
		for _, name := range names {
			if n := len(wiretest.Fields(a.Seen()[0], name)); n != map[bool]int{true: 1}[trusted] {
				t.Errorf("trusted %v: %s reached the app %d times", trusted, name, n)
			}
		}
	}
}

// A request without a host is given none.
func TestNoHost(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	for _, host := range []string{"", "Host: site.test\r\n"} {
		p.Exchange("GET /health HTTP/1.0\r\n" + host + "\r\n")
	}
	for i, want := range []struct{ host, forwarded []string }{{[]string{a.Addr}, nil}, {[]string{"site.test"}, []string{"site.test"}}} {
		if diff := cmp.Diff(want.host, wiretest.Fields(a.Seen()[i], "Host")); diff != "" {
			t.Errorf("Host (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want.forwarded, wiretest.Fields(a.Seen()[i], "X-Forwarded-Host")); diff != "" {
			t.Errorf("X-Forwarded-Host (-want +got):\n%s", diff)
		}
	}
}

// A proxy whose app is itself, or a replica that has the same, finds that out when the
// request comes back.
func TestLoop(t *testing.T) {
	t.Parallel()
	back := wiretest.Listen(t)
	p := startServer(t, back.Addr().String(), nil)
	served := make(chan error, 1)
	go func() { served <- p.server.Serve(back) }()
	t.Cleanup(func() { <-served })
	t.Cleanup(func() { _ = back.Close(); p.server.draining.Store(true) })
	w := p.Dial()
	for range 2 {
		if raw := w.Send(wiretest.Get("/x")).Answer(); !strings.HasPrefix(raw, "HTTP/1.1 508 ") {
			t.Errorf("answer %q", raw)
		}
	}
	if n := count(p.server.metrics.rejected[rejectLoop]); n != 2 {
		t.Errorf("found %d times, want once for each request", n)
	}
}

// Other proxies of the kind are no loop.
func TestChainIsNoLoop(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	inner := startServer(t, a.Addr, nil)
	outer := startServer(t, inner.Addr, nil)
	raw := outer.Exchange("GET /x HTTP/1.1\r\nHost: site.test\r\nCDN-Loop: other.example; v=\"1\", " + inner.server.loopID + "x\r\n\r\n")
	if wiretest.Body(raw) != "ok" {
		t.Errorf("answer %q", raw)
	}
	want := []string{`other.example; v="1", ` + inner.server.loopID + "x", outer.server.loopID, inner.server.loopID}
	if diff := cmp.Diff(want, wiretest.Fields(a.Seen()[0], "CDN-Loop")); diff != "" {
		t.Errorf("CDN-Loop (-want +got):\n%s", diff)
	}
}
