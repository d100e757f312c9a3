//go:build !race

// The race detector makes pools forget.

package proxy

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A request that is passed through allocates its line in the access log, and next
// to nothing else.
func TestPassingThroughHardlyAllocates(t *testing.T) {
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, _ *bufio.Reader) {
		request, answer := make([]byte, 4096), []byte(wiretest.OK)
		for {
			if _, err := conn.Read(request); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	})
	for logged, most := range map[bool]float64{false: 0, true: 2} {
		p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
			cfg.AccessLog = logged
			deps.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
		})
		conn, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		request, answer := []byte(wiretest.Get("/x")), make([]byte, 4096)
		allocations := testing.AllocsPerRun(1000, func() {
			if _, err := conn.Write(request); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(answer); err != nil {
				t.Fatal(err)
			}
		})
		if allocations > most {
			t.Errorf("access log %v: %.1f allocations a request, want %.0f at most", logged, allocations, most)
		}
	}
}
