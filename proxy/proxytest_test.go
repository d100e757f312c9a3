package proxy

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// deadline is how long a test waits for what must happen at all.
const deadline = 20 * time.Second

// testProxy is a proxy on a port of its own.
type testProxy struct {
	t      *testing.T
	addr   string
	server *Server
	log    *lockedBuffer
	served chan error
}

// startProxy starts a proxy in front of the app at addr; edit may change its
// configuration and what it is plugged into, and each of tweaks the server itself.
func startProxy(t *testing.T, app string, edit func(*Config, *Deps), tweaks ...func(*Server)) *testProxy {
	t.Helper()
	cfg := Defaults()
	cfg.Upstream.URL = "http://" + app
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}}
	log := &lockedBuffer{}
	deps := Deps{
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), AccessLog: true,
		Metrics: NewMetrics(prometheus.NewRegistry()),
	}
	if edit != nil {
		edit(&cfg, &deps)
	}
	server, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	for _, tweak := range tweaks {
		tweak(server)
	}
	ln := listen(t)
	p := &testProxy{t: t, addr: ln.Addr().String(), server: server, log: log, served: make(chan error, 1)}
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

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// wire is a client's connection.
type wire struct {
	t *testing.T
	*net.TCPConn
	br *bufio.Reader
}

func (p *testProxy) dial() *wire {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(deadline))
	return &wire{p.t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

func (w *wire) send(text string) *wire {
	w.t.Helper()
	if _, err := io.WriteString(w.TCPConn, text); err != nil {
		w.t.Fatalf("sending: %v", err)
	}
	return w
}

// answer reads one answer with its raw body.
func (w *wire) answer() string {
	w.t.Helper()
	_ = w.SetDeadline(time.Now().Add(deadline))
	raw, err := readMessage(w.br)
	if err != nil {
		w.t.Fatalf("reading an answer: %v after %q", err, raw)
	}
	return raw
}

// rest reads until the connection ends; failed says that it was reset.
func (w *wire) rest() (raw string, failed bool) {
	w.t.Helper()
	_ = w.SetDeadline(time.Now().Add(deadline))
	data, err := io.ReadAll(w.br)
	if network, ok := err.(net.Error); ok && network.Timeout() {
		w.t.Fatalf("the connection did not end; it sent %q", data)
	}
	return string(data), err != nil
}

// exchange sends a request on a connection of its own and reads the answer.
func (p *testProxy) exchange(request string) string {
	p.t.Helper()
	w := p.dial()
	defer w.Close()
	return w.send(request).answer()
}

func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: site.test\r\n\r\n" }

// fieldsOf returns the values of a header in raw, in their order.
func fieldsOf(raw, name string) (values []string) {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if key, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	return values
}

func bodyOf(raw string) string {
	_, body, _ := strings.Cut(raw, "\r\n\r\n")
	return body
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	late := time.After(deadline)
	for !holds() {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

func count(c prometheus.Collector) int { return int(testutil.ToFloat64(c)) }

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func itoa(n int) string { return strconv.Itoa(n) }
