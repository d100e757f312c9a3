package wire

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A request is answered by the settings that were in force when its head came, whatever is
// applied while the app has it; the next one on the connection by those that are then.
func TestSettingsChangeBetweenRequests(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.Read(br); err != nil {
				return
			}
			arrived <- struct{}{}
			<-release
			_, _ = fmt.Fprint(conn, wiretest.OK)
		}
	})
	p := startServer(t, a.Addr, nil)
	cfg := p.server.settings.Load().Config
	cfg.Headers.Add = map[string]string{"X-Added": "1"}
	cfg.Server.TrustedProxies = []string{"192.0.2.0/24"}
	apply, err := p.server.Prepare(cfg, through{})
	if err != nil {
		t.Fatal(err)
	}
	w := p.Dial()
	request := "GET / HTTP/1.1\r\nHost: s\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"
	for i, want := range []bool{false, true} {
		w.Send(request)
		<-arrived
		if i == 0 {
			apply()
		}
		release <- struct{}{}
		if got := len(wiretest.Fields(w.Answer(), "X-Added")) == 1; got != want {
			t.Errorf("request %d has the header: %t, want %t", i, got, want)
		}
		trusted := strings.Contains(a.Seen()[i], "203.0.113.7")
		if trusted == want {
			t.Errorf("request %d: the peer is trusted: %t", i, trusted)
		}
	}
	cfg.Upstream.URL = "http://127.0.0.1:1"
	if _, err := p.server.Prepare(cfg, through{}); err == nil {
		t.Error("another app is taken without a restart")
	}
}
