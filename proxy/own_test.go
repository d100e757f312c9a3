package proxy

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Every answer of our own may be read by the pages of server.cors_origins, and no
// browser guesses its type; whoever made it, and however little of the request was
// understood.
func TestOwnAnswersOfEveryKind(t *testing.T) {
	t.Parallel()
	silent := wiretest.StartApp(t, func(a *wiretest.App, _ *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		_, _ = a.Read(br)
	})
	const from = "Origin: https://ui.example\r\n"
	for name, c := range map[string]struct{ app, request, status string }{
		"no app":               {nobody, "GET /x HTTP/1.1\r\nHost: site.test\r\n" + from + "\r\n", "502"},
		"late app":             {silent.Addr, "GET /x HTTP/1.1\r\nHost: site.test\r\n" + from + "\r\n", "504"},
		"busy app":             {silent.Addr, "GET /busy HTTP/1.1\r\nHost: site.test\r\n" + from + "\r\n", "503"},
		"body too large":       {silent.Addr, "POST /x HTTP/1.1\r\nHost: site.test\r\n" + from + "Content-Length: 1000\r\n\r\n", "413"},
		"chunks too large":     {silent.Addr, "POST /x HTTP/1.1\r\nHost: site.test\r\n" + from + "Transfer-Encoding: chunked\r\n\r\n100\r\n" + strings.Repeat("x", 256) + "\r\n", "413"},
		"bad framing":          {silent.Addr, "POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: x\r\n" + from + "\r\n", "400"},
		"bad value":            {silent.Addr, "GET /x HTTP/1.1\r\nHost: site.test\r\nX-A: \x00\r\n" + from + "\r\n", "400"},
		"bare line feed":       {silent.Addr, "GET /x HTTP/1.1\nHost: site.test\r\n" + from + "\r\n", "400"},
		"head too large":       {silent.Addr, "GET /x HTTP/1.1\r\nHost: site.test\r\n" + from + "X-A: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
		"head that never ends": {silent.Addr, "GET /x HTTP/1.1\r\nHost: site.test\r\n" + from, "408"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProxy(t, c.app, func(cfg *Config, _ *Deps) {
				cfg.Server.CORSOrigins = []string{"https://ui.example"}
				cfg.Server.MaxRequestBody = 100
				cfg.Upstream.MaxConns, cfg.Upstream.MaxFallbacks = 1, 1
				switch c.status {
				case "408":
					cfg.Server.HeaderTimeout = 100 * time.Millisecond
				case "504":
					cfg.Upstream.ResponseTimeout = 100 * time.Millisecond
				}
			})
			if c.status == "503" {
				p.Dial().Send(wiretest.Get("/first"))
				eventually.Holds(t, "the only connection is in use", func() bool {
					for _, request := range silent.Seen() {
						if strings.Contains(request, "/first") {
							return true
						}
					}
					return false
				})
				p.change(func(cfg *Config) { cfg.Upstream.ConnectTimeout = 50 * time.Millisecond })
			}
			w := p.Dial()
			_, _ = w.Write([]byte(c.request)) // which may be refused before all of it is written
			raw := w.Answer()
			if statusOf(raw) != c.status {
				t.Fatalf("answer %q, want %s", raw, c.status)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "https://ui.example", "Vary": "Origin", "Content-Type": "application/json",
			} {
				if got := joinedField(raw, name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// Pages of other origins may not.
func TestOwnAnswersToOtherOrigins(t *testing.T) {
	t.Parallel()
	p := startProxy(t, nobody, func(cfg *Config, _ *Deps) { cfg.Server.CORSOrigins = []string{"https://ui.example"} })
	for _, origin := range []string{"https://evil.example", "https://ui.example.evil.example", "null", ""} {
		raw := p.Exchange("GET /x HTTP/1.1\r\nHost: site.test\r\nOrigin: " + origin + "\r\n\r\n")
		if statusOf(raw) != "502" || joinedField(raw, "Access-Control-Allow-Origin") != "" {
			t.Errorf("%q: %s", origin, raw)
		}
	}
}
