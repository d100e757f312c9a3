package proxy

import (
	"context"
	"log/slog"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// nobody is where no app listens.
const nobody = "127.0.0.1:1"

// testProxy is a proxy on a port of its own.
type testProxy struct {
	wiretest.Front
	server  *Server
	cfg     Config
	deps    Deps
	metrics *Metrics
	log     *wiretest.Log
	served  chan error
}

// change puts an edited configuration in force for requests whose head comes from now on.
func (p *testProxy) change(edit func(*Config)) {
	p.T.Helper()
	edit(&p.cfg)
	apply, err := p.server.Prepare(p.cfg, Changed{Resolver: p.deps.Resolver, Renderer: p.deps.Renderer, Signer: p.deps.Signer})
	if err != nil {
		p.T.Fatal(err)
	}
	apply()
}

// startProxy starts a proxy in front of the app at addr; edit may change its
// configuration and what it is plugged into.
func startProxy(t *testing.T, app string, edit func(*Config, *Deps)) *testProxy {
	t.Helper()
	cfg := Defaults()
	cfg.Upstream.URL = "http://" + app
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}}
	cfg.AccessLog = true
	cfg.Server.HeaderTimeout, cfg.Upstream.ConnectTimeout = wiretest.Deadline, wiretest.Deadline // a busy machine is no fault
	log := &wiretest.Log{}
	deps := Deps{
		Log:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: NewMetrics(prometheus.NewRegistry()),
	}
	if edit != nil {
		edit(&cfg, &deps)
	}
	server, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ln := wiretest.Listen(t)
	p := &testProxy{
		Front:  wiretest.Front{T: t, Addr: ln.Addr().String()},
		server: server, cfg: cfg, deps: deps, metrics: deps.Metrics, log: log, served: make(chan error, 1),
	}
	go func() { p.served <- server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
		if err := <-p.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return p
}

// uncached turns the response cache off, for an app that answers one URL in several ways.
func uncached(cfg *Config, _ *Deps) { cfg.Responses.Enabled = false }

func count(c prometheus.Collector) int { return int(testutil.ToFloat64(c)) }

func itoa(n int) string { return strconv.Itoa(n) }
