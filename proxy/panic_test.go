package proxy

import (
	"strings"
	"testing"
)

// A panic costs one answer: it is a 500, counted and logged with its stack, and
// the connection ends.
func TestPanicCostsOneAnswer(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil, func(s *Server) { s.pages = nil })
	w := p.dial().send(get("/api/v2/captures/"))
	raw, failed := w.rest()
	if failed || !strings.HasPrefix(raw, "HTTP/1.1 500 ") || fieldsOf(raw, "Connection")[0] != "close" {
		t.Errorf("answer %q", raw)
	}
	if n := count(p.server.metrics.panics); n != 1 {
		t.Errorf("counted %d", n)
	}
	if !strings.Contains(p.log.String(), "handler panicked") || !strings.Contains(p.log.String(), "serve.go") {
		t.Errorf("log %s", p.log.String())
	}
	if raw := p.exchange(get("/x")); bodyOf(raw) != "ok" {
		t.Errorf("afterwards %q", raw)
	}
}

// A panic outside of the handlers costs one connection.
func TestPanicBesideTheHandlersCostsOneConnection(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil, func(s *Server) { s.metrics.durations[routePage] = nil })
	other := p.dial()
	other.send(get("/x")).answer()
	p.dial().send(get("/api/v2/captures/")).rest()
	if n := count(p.server.metrics.panics); n != 1 {
		t.Errorf("counted %d", n)
	}
	if raw := other.send(get("/x")).answer(); bodyOf(raw) != "ok" {
		t.Errorf("afterwards %q", raw)
	}
	eventually(t, "the other connection alone is left", func() bool { return count(p.server.metrics.connections) == 1 })
}
