package wire

import (
	"io"
	"net"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// BenchmarkPassThrough is a whole passed-through request with an answer as long as a page
// of 40 captures. Socket calls that the scheduler was not told of (RawSyscall) made no
// difference to it beyond its noise of some percent, and are gone.
func BenchmarkPassThrough(b *testing.B) {
	answer := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 68000\r\n\r\n"), make([]byte, 68000)...)
	a := wiretest.Listen(b)
	b.Cleanup(func() { _ = a.Close() })
	go func() {
		request := make([]byte, 4096)
		for {
			conn, err := a.Accept()
			if err != nil {
				return
			}
			for {
				if _, err := conn.Read(request); err != nil {
					break
				}
				_, _ = conn.Write(answer)
			}
			_ = conn.Close()
		}
	}()
	cfg := Defaults()
	cfg.Upstream.URL = "http://" + a.Addr().String()
	p := serveOn(b, cfg)
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	request, got := []byte(wiretest.Get("/x")), make([]byte, len(answer))
	b.ReportAllocs()
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, got); err != nil {
			b.Fatal(err)
		}
	}
}
