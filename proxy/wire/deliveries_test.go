package wire

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A query that kills a worker of gunicorn's kills one, not two.
func TestQueryThatKillsAWorker(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			app := testenv.Django(t, testenv.DjangoConfig{Workers: workers, Processes: 2})
			p := startServer(t, app.Address, nil)
			raw := p.Exchange("GET /die/ HTTP/1.1\r\nHost: site.test\r\nX-Delivery: deadly\r\n\r\n")
			if !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
				t.Errorf("answer %q", raw)
			}
			if begun, _ := app.Delivered("deadly"); begun != 1 {
				t.Errorf("delivered %d times", begun)
			}
			eventually.Holds(t, "another worker answers", func() bool {
				return strings.HasPrefix(p.Exchange(wiretest.Get("/x")), "HTTP/1.1 200 ")
			})
		})
	}
}
