package wire

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Each request is a line in the access log, and counted.
func TestRequestsAreLoggedAndCounted(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	p.Exchange("GET /a?b HTTP/1.1\r\nHost: site.test\r\nX-Request-Id: mine\r\n\r\n")
	p.Exchange("POST /c HTTP/1.1\r\nHost: site.test\r\nContent-Length: x\r\n\r\n")
	eventually.Holds(t, "both lines are there", func() bool { return strings.Count(p.log.String(), "msg=request ") == 2 })
	for _, want := range []string{
		"level=INFO msg=request method=GET uri=/a?b status=200 bytes=2 took=",
		" remote=127.0.0.1 client=127.0.0.1 request_id=mine route=pass\n",
		" status=400 bytes=",
	} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, p.log.String())
		}
	}
	m := p.server.metrics
	for name, c := range map[string]prometheus.Collector{
		"2xx": m.requests[0][2], "4xx": m.requests[0][4],
		"rejected": m.rejected[rejectLength],
	} {
		if n := count(c); n != 1 {
			t.Errorf("%s: counted %d", name, n)
		}
	}
}

func TestAccessLogCanBeOff(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.AccessLog = false })
	w := p.Dial()
	w.Send(wiretest.Get("/x")).Answer()
	w.Send(wiretest.Get("/x")).Answer() // the first is over for good by now
	if strings.Contains(p.log.String(), "msg=request ") {
		t.Error(p.log.String())
	}
}

// The log has a trusted proxy's client, and the trace; who gives an id gets it back, on the
// app's answers and our own, unless the app says one itself.
func TestWhoAsked(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			raw, err := a.Read(br)
			if err != nil {
				return
			}
			answer := wiretest.OK
			if strings.HasPrefix(raw, "GET /own") {
				answer = strings.Replace(answer, "\r\n", "\r\nX-Request-Id: app's\r\n", 1)
			}
			_, _ = io.WriteString(conn, answer)
		}
	})
	p := startServer(t, a.Addr, nil)
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	asked := func(target, more string) string {
		return p.Exchange("GET " + target + " HTTP/1.1\r\nHost: s\r\n" + more + "\r\n")
	}
	for target, want := range map[string]string{"/x": "mine", "/own": "app's", "/panic": "mine"} {
		raw := asked(target, "X-Request-Id: mine\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.7\r\ntraceparent: "+trace+"\r\n")
		if got := wiretest.Fields(raw, "X-Request-Id"); len(got) != 1 || got[0] != want {
			t.Errorf("%s: the client got the id %q, want %q", target, got, want)
		}
	}
	if raw := asked("/x", "Forwarded: for=203.0.113.9\r\ntraceparent: "+strings.ToUpper(trace)+"\r\n"); wiretest.Fields(raw, "X-Request-Id") != nil {
		t.Errorf("nobody asked for the id in %q", raw)
	}
	if got := wiretest.Fields(a.Seen()[0], "traceparent"); len(got) != 1 || got[0] != trace {
		t.Errorf("the app got the trace %q", got)
	}
	eventually.Holds(t, "all lines are there", func() bool { return strings.Count(p.log.String(), "msg=request ") == 4 })
	if log := p.log.String(); strings.Count(log, " client=203.0.113.7 request_id=mine route=") != 3 ||
		strings.Count(log, " trace_id=4bf92f3577b34da6a3ce929d0e0e4736\n") != 3 || strings.Count(log, " client=203.0.113.9 ") != 1 {
		t.Error(log)
	}
}
