package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
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

// app is a server whose every byte a test decides on.
type app struct {
	t    *testing.T
	addr string
	ln   net.Listener
	wg   sync.WaitGroup

	mu       sync.Mutex
	requests []string // raw heads and bodies, as serve read them
	conns    map[net.Conn]bool
	accepted int
}

// startApp serves each connection by serve, which may return when it likes; the
// connection is then closed.
func startApp(t *testing.T, serve func(a *app, conn *net.TCPConn, br *bufio.Reader)) *app {
	t.Helper()
	a := &app{t: t, ln: listen(t), conns: map[net.Conn]bool{}}
	a.addr = a.ln.Addr().String()
	a.wg.Go(func() {
		for {
			conn, err := a.ln.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			a.conns[conn] = true
			a.accepted++
			a.mu.Unlock()
			a.wg.Go(func() {
				serve(a, conn.(*net.TCPConn), bufio.NewReader(conn))
				_ = conn.Close()
				a.mu.Lock()
				delete(a.conns, conn)
				a.mu.Unlock()
			})
		}
	})
	t.Cleanup(a.stop)
	return a
}

func (a *app) stop() {
	_ = a.ln.Close()
	a.mu.Lock()
	for conn := range a.conns {
		_ = conn.Close()
	}
	a.mu.Unlock()
	a.wg.Wait()
}

// answering is an app that gives every request the same answer.
func answering(answer string) func(*app, *net.TCPConn, *bufio.Reader) {
	return func(a *app, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.read(br); err != nil {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
	}
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// read reads a request, its body too, and remembers it.
func (a *app) read(br *bufio.Reader) (string, error) {
	raw, err := readMessage(br)
	if raw != "" {
		a.mu.Lock()
		a.requests = append(a.requests, raw)
		a.mu.Unlock()
	}
	return raw, err
}

func (a *app) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.requests...)
}

func (a *app) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accepted
}

// readHead reads up to the empty line after a head.
func readHead(br *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := br.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// readMessage reads a request or an answer with its raw body: chunked as it came,
// or as long as Content-Length says; none otherwise.
func readMessage(br *bufio.Reader) (string, error) {
	head, err := readHead(br)
	if err != nil {
		return head, err
	}
	if strings.Contains(head, "Transfer-Encoding: chunked") {
		body, err := readChunks(br)
		return head + body, err
	}
	var length int
	for line := range strings.SplitSeq(head, "\r\n") {
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			_, _ = fmt.Sscan(value, &length)
		}
	}
	body := make([]byte, length)
	n, err := io.ReadFull(br, body)
	return head + string(body[:n]), err
}

func readChunks(br *bufio.Reader) (string, error) {
	var raw strings.Builder
	for {
		line, err := br.ReadString('\n')
		raw.WriteString(line)
		if err != nil {
			return raw.String(), err
		}
		var size int
		if _, err := fmt.Sscanf(line, "%x", &size); err != nil {
			return raw.String(), err
		}
		if size == 0 {
			break
		}
		data := make([]byte, size+2)
		n, err := io.ReadFull(br, data)
		raw.Write(data[:n])
		if err != nil {
			return raw.String(), err
		}
	}
	trailer, err := readHead(br)
	return raw.String() + trailer, err
}

// unchunk takes chunked framing off raw; trailers are dropped.
func unchunk(t *testing.T, raw string) string {
	t.Helper()
	var b body
	b.reset(bufio.NewReader(strings.NewReader(raw)), bodyChunked, 0)
	data, err := io.ReadAll(&b)
	if err != nil {
		t.Fatalf("chunked body %q: %v", raw, err)
	}
	return string(data)
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
	raw, err := readMessage(w.br)
	if err != nil {
		w.t.Fatalf("reading an answer: %v after %q", err, raw)
	}
	return raw
}

// rest reads until the connection ends; failed says that it was reset.
func (w *wire) rest() (raw string, failed bool) {
	w.t.Helper()
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

// shared is a value that a test changes between the requests that read it.
type shared[T any] struct {
	mu    sync.Mutex
	value T
}

func (s *shared[T]) get() T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value
}

func (s *shared[T]) set(value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value = value
}
