package check_test

import (
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestCollector: the collector of traces is tried where there is one. What is wrong with it
// fails nothing, for thumbedge serves without.
func TestCollector(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, told := run(t, s.file)["tracing"]; told {
		t.Error("without tracing.endpoint a collector is told of")
	}
	s.file.Tracing.Endpoint = testenv.StartCollector(t).URL
	wantVerdicts(t, run(t, s.file), map[string]string{"tracing": "ok"})
	s.file.Tracing.Endpoint = "http://127.0.0.1:1"
	wantVerdicts(t, run(t, s.file), map[string]string{"tracing": "degraded"})
}
