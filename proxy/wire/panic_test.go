package wire

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A panic costs one answer: it is a 500, counted and logged with its stack, and
// the connection ends.
func TestPanicCostsOneAnswer(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	w := p.Dial().Send(wiretest.Get("/panic"))
	raw, failed := w.Rest()
	if failed || !strings.HasPrefix(raw, "HTTP/1.1 500 ") || wiretest.Fields(raw, "Connection")[0] != "close" {
		t.Errorf("answer %q", raw)
	}
	if n := count(p.server.metrics.panics); n != 1 {
		t.Errorf("counted %d", n)
	}
	if !strings.Contains(p.log.String(), "handler panicked") || !strings.Contains(p.log.String(), "serve.go") {
		t.Errorf("log %s", p.log.String())
	}
	if raw := p.Exchange(wiretest.Get("/x")); wiretest.Body(raw) != "ok" {
		t.Errorf("afterwards %q", raw)
	}
}

// A panic outside of the handlers costs one connection.
func TestPanicBesideTheHandlersCostsOneConnection(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil, func(s *Server) { s.metrics.durations[1] = nil })
	other := p.Dial()
	other.Send(wiretest.Get("/x")).Answer()
	p.Dial().Send(wiretest.Get("/other")).Rest()
	if n := count(p.server.metrics.panics); n != 1 {
		t.Errorf("counted %d", n)
	}
	if raw := other.Send(wiretest.Get("/x")).Answer(); wiretest.Body(raw) != "ok" {
		t.Errorf("afterwards %q", raw)
	}
	eventually.Holds(t, "the other connection alone is left", func() bool { return count(p.server.metrics.connections) == 1 })
}
