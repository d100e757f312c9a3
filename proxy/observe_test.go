package proxy

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Each request is a line in the access log, and counted.
func TestRequestsAreLoggedAndCounted(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	p.exchange("GET /a?b HTTP/1.1\r\nHost: site.test\r\nX-Request-Id: mine\r\n\r\n")
	p.exchange("POST /c HTTP/1.1\r\nHost: site.test\r\nContent-Length: x\r\n\r\n")
	eventually(t, "both lines are there", func() bool { return strings.Count(p.log.String(), "msg=request ") == 2 })
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
		"2xx": m.requests[routePass][2], "4xx": m.requests[routePass][4],
		"passed": m.passed[reasonNotEligible], "rejected": m.rejected[rejectLength],
	} {
		if n := count(c); n != 1 {
			t.Errorf("%s: counted %d", name, n)
		}
	}
}

func TestAccessLogCanBeOff(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, func(_ *Config, deps *Deps) { deps.AccessLog = false })
	w := p.dial()
	w.send(get("/x")).answer()
	w.send(get("/x")).answer() // the first is over for good by now
	if strings.Contains(p.log.String(), "msg=request ") {
		t.Error(p.log.String())
	}
}

// Every metric says what it is, under the project's name, and registers once.
func TestMetricsAreWellFormed(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	NewMetrics(reg)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "thumbedge_") || family.GetHelp() == "" {
			t.Errorf("%s: %q", family.GetName(), family.GetHelp())
		}
	}
}
