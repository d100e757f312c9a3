package wire

import (
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
		" remote=127.0.0.1 request_id=mine route=pass\n",
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
