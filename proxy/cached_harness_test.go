package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// startCached starts a proxy that shows what its cache does, in front of an app that
// answers by respond, which is given the number of the request. An empty answer ends the
// connection.
func startCached(t *testing.T, edit func(*Config, *Deps), respond func(n int, request string) string) (*testProxy, *wiretest.App) {
	t.Helper()
	var requests atomic.Int64
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			request, err := a.Read(br)
			if err != nil {
				return
			}
			answer := respond(int(requests.Add(1)), request)
			if _, err := io.WriteString(conn, answer); err != nil || answer == "" || strings.Contains(answer, "Broken: yes") {
				return
			}
		}
	})
	return startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Server.DebugHeaders = true
		if edit != nil {
			edit(cfg, deps)
		}
	}), a
}

// sized is an answer with these lines.
func sized(status, body string, lines ...string) string {
	return "HTTP/1.1 " + status + "\r\n" + strings.Join(append(lines, ""), "\r\n") + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

func numbered(lines ...string) func(int, string) string {
	return func(n int, _ string) string { return sized("200 OK", fmt.Sprint("body ", n), lines...) }
}

func ask(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: site.test\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// twoRequests are sent one after the other, and say what the second one is answered, and
// whether the app was asked for it.
type twoRequests struct {
	name          string
	app           func(int, string) string
	first, second string // where there is no first, its answer breaks off
	status, body  string // of the second answer
	asked         int
	cache         string // its Cache-Status begins with
}

func (c twoRequests) run(t *testing.T) {
	t.Parallel()
	p, a := startCached(t, nil, c.app)
	if c.first != "" {
		p.Exchange(c.first)
	} else {
		conn := p.Dial()
		conn.Send(ask("/x")).Rest()
	}
	answer := p.Exchange(c.second)
	if status := answer[len("HTTP/1.1 "):][:3]; status != c.status || wiretest.Body(answer) != c.body {
		t.Errorf("%q, want %s and %q", answer, c.status, c.body)
	}
	if n := len(a.Seen()); n != c.asked {
		t.Errorf("the app was asked %d times, want %d", n, c.asked)
	}
	if got := joinedField(answer, "Cache-Status"); !strings.HasPrefix(got, "thumbedge; "+c.cache) && c.cache != "" {
		t.Errorf("Cache-Status is %q, want %q", got, c.cache)
	}
	if strings.HasPrefix(c.cache, "hit") && joinedField(answer, "Age") == "" {
		t.Error("no Age")
	}
}
