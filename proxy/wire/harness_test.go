package wire

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// through is a Handler that passes everything to the app. Two targets are others.
type through struct{}

func (through) Serve(r *Request) {
	switch string(r.Target()) {
	case "/panic":
		panic("as it was asked to")
	case "/other":
		r.MarkRoute(1)
	}
	r.MarkCache("fwd=bypass", "test")
	answer, err := r.Ask(Form{})
	if err != nil {
		r.Fail(err)
		return
	}
	answer.Pass()
}

func (through) OwnAnswer(r *Request) { r.Own().Header.Set("X-Own", string(r.Origin())) }

// testServer is a server on a port of its own.
type testServer struct {
	wiretest.Front
	server *Server
	log    *wiretest.Log
	served chan error
}

// nobody is where no app listens.
const nobody = "127.0.0.1:1"

// startServer starts a server that passes everything to the app at addr; edit may
// change its configuration, and each of tweaks the server itself.
func startServer(t *testing.T, app string, edit func(*Config), tweaks ...func(*Server)) *testServer {
	t.Helper()
	cfg := Defaults()
	cfg.Upstream.URL = "http://" + app
	cfg.AccessLog = true
	cfg.Server.HeaderTimeout, cfg.Upstream.ConnectTimeout = wiretest.Deadline, wiretest.Deadline // a busy machine is no fault
	if edit != nil {
		edit(&cfg)
	}
	return serveOn(t, cfg, tweaks...)
}

// serveOn starts a server of this configuration.
func serveOn(t testing.TB, cfg Config, tweaks ...func(*Server)) *testServer {
	t.Helper()
	log := &wiretest.Log{}
	server, err := New(cfg, through{}, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		NewMetrics(prometheus.NewRegistry(), "pass", "other"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tweak := range tweaks {
		tweak(server)
	}
	ln := wiretest.Listen(t)
	s := &testServer{Front: wiretest.Front{T: t, Addr: ln.Addr().String()}, server: server, log: log, served: make(chan error, 1)}
	go func() { s.served <- server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
		if err := <-s.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

// streaming has nothing spooled.
func streaming(cfg *Config) { cfg.Upstream.Spool = false }

func count(c prometheus.Collector) int { return int(testutil.ToFloat64(c)) }

func itoa(n int) string { return strconv.Itoa(n) }

// waitsForConnections has requests whose head comes from now on wait for a connection to
// the app, or to get one, for so long.
func (s *testServer) waitsForConnections(most time.Duration) {
	s.T.Helper()
	now := s.server.settings.Load()
	cfg := now.Config
	cfg.Upstream.ConnectTimeout = most
	apply, err := s.server.Prepare(cfg, now.handler)
	if err != nil {
		s.T.Fatal(err)
	}
	apply()
}
