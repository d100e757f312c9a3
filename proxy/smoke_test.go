package proxy

import (
	"strings"
	"testing"
)

func TestRequestReachesAppAndAnswerClient(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	w := p.dial()
	for range 3 {
		raw := w.send(get("/x")).answer()
		if !strings.HasPrefix(raw, "HTTP/1.1 200 OK\r\n") || bodyOf(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	t.Log(a.seen()[2], p.log.String())
}
