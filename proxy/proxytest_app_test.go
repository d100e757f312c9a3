package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

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
