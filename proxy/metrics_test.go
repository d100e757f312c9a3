package proxy

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// What is passed through is counted by its reason, and logged by its route.
func TestPassedRequestsAreCounted(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startProxy(t, a.Addr, nil)
	p.Exchange(wiretest.Get("/a"))
	eventually.Holds(t, "it is logged", func() bool {
		return strings.Contains(p.log.String(), " uri=/a ") && strings.Contains(p.log.String(), " route=pass\n")
	})
	if n := count(p.metrics.passed[reasonNotEligible]); n != 1 {
		t.Errorf("counted %d", n)
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
