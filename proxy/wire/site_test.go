package wire

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// An app that knows itself by its internal address leads no client there, as behind
// nginx. What it says of other hosts stays, and so does everything with preserve_host.
func TestAnswersLeadToTheSite(t *testing.T) {
	t.Parallel()
	const forwarded = "X-Forwarded-Host: public.test:8443\r\n"
	for _, c := range []struct{ name, sent, want, from string }{
		{"Location", "http://APP/x?y#z", "/x?y#z", ""},
		{"Location", "https://APP/x", "/x", ""},
		{"location", "HTTP://APP", "/", ""},
		{"Location", "http://APP?q", "/?q", ""},
		{"Location", "http://APP//evil.test/x", "/evil.test/x", ""},
		{"Location", "http://APP.evil.test/x", "http://APP.evil.test/x", ""},
		{"Location", "http://APP@evil.test/x", "http://APP@evil.test/x", ""},
		{"Location", "https://other.test/x", "https://other.test/x", ""},
		{"Location", "/x", "/x", ""},
		{"Content-Location", "http://APP/x", "/x", ""},
		{"Refresh", "5; URL=http://APP/x", "5; URL=/x", ""},
		{"Set-Cookie", "a=b; Domain=127.0.0.1; Path=/", "a=b; Domain=site.test; Path=/", ""},
		{"Set-Cookie", "a=b;domain=.127.0.0.1", "a=b;domain=public.test", forwarded},
		{"Set-Cookie", "domain=127.0.0.1; Domain=other.test", "domain=127.0.0.1; Domain=other.test", ""},
		{"X-Other", "http://APP/x", "http://APP/x", ""},
	} {
		for _, preserve := range []bool{false, true} {
			var line string
			a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
				for {
					if _, err := a.Read(br); err != nil {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nX-First: 1\r\n"+line+"\r\nContent-Length: 0\r\nX-Last: 1\r\n\r\n")
				}
			})
			line = c.name + ": " + strings.ReplaceAll(c.sent, "APP", a.Addr)
			want := strings.ReplaceAll(c.want, "APP", a.Addr)
			if preserve {
				want = strings.ReplaceAll(c.sent, "APP", a.Addr)
			}
			p := startServer(t, a.Addr, func(cfg *Config) { cfg.Upstream.PreserveHost = preserve })
			w := p.Dial()
			for range 2 {
				raw := w.Send("GET /x HTTP/1.1\r\nHost: site.test:8080\r\n" + c.from + "\r\n").Answer()
				if diff := cmp.Diff("HTTP/1.1 302 Found\r\nX-First: 1\r\n"+c.name+": "+want+"\r\nContent-Length: 0\r\nX-Last: 1\r\n\r\n", raw); diff != "" {
					t.Errorf("preserve_host %v, %s (-want +got):\n%s", preserve, line, diff)
				}
			}
		}
	}
}
