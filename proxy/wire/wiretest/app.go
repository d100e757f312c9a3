// Package wiretest has both ends of a proxy for its tests: an app and a client whose
// every byte a test decides on.
package wiretest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// App is a server whose every byte a test decides on.
type App struct {
	Addr string

	ln       net.Listener
	wg       sync.WaitGroup
	mu       sync.Mutex
	requests []string // raw heads and bodies, as Read read them
	conns    map[net.Conn]bool
	accepted int
}

// StartApp serves each connection by serve, which may return when it likes; the
// connection is then closed.
func StartApp(t testing.TB, serve func(a *App, conn *net.TCPConn, br *bufio.Reader)) *App {
	t.Helper()
	return StartAppOn(t, Listen(t), serve)
}

// StartAppOn is StartApp on a listener, which it closes.
func StartAppOn(t testing.TB, ln net.Listener, serve func(a *App, conn *net.TCPConn, br *bufio.Reader)) *App {
	t.Helper()
	a := &App{ln: ln, conns: map[net.Conn]bool{}}
	a.Addr = a.ln.Addr().String()
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
	t.Cleanup(a.Stop)
	return a
}

// Stop closes the listener and every connection, and waits for their goroutines.
func (a *App) Stop() {
	_ = a.ln.Close()
	a.mu.Lock()
	for conn := range a.conns {
		_ = conn.Close()
	}
	a.mu.Unlock()
	a.wg.Wait()
}

// Refuse closes the listener, and leaves the connections as they are.
func (a *App) Refuse() { _ = a.ln.Close() }

// Answering is an app that gives every request the same answer.
func Answering(answer string) func(*App, *net.TCPConn, *bufio.Reader) {
	return func(a *App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.Read(br); err != nil {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
	}
}

// OK is an answer whose body is "ok".
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// Read reads a request, its body too, and remembers it.
func (a *App) Read(br *bufio.Reader) (string, error) {
	raw, err := ReadMessage(br)
	a.Note(raw)
	return raw, err
}

// Note remembers a request that was read.
func (a *App) Note(raw string) {
	if raw == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, raw)
}

// Seen returns the requests that were read.
func (a *App) Seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.requests...)
}

// Accepted is how many connections there were.
func (a *App) Accepted() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accepted
}

// Open returns the connections that are open.
func (a *App) Open() (conns []*net.TCPConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for conn := range a.conns {
		conns = append(conns, conn.(*net.TCPConn))
	}
	return conns
}

// ReadHead reads up to the empty line after a head.
func ReadHead(br *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := br.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// ReadMessage reads a request or an answer with its raw body: chunked as it came,
// or as long as Content-Length says; none otherwise.
func ReadMessage(br *bufio.Reader) (string, error) {
	head, err := ReadHead(br)
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
	trailer, err := ReadHead(br)
	return raw.String() + trailer, err
}

// ManyLines are header lines as an app may write them: names in any case, special ones twice, odd
// spacing, in an order that says something.
const ManyLines = "etag: \"a\"\r\n" +
	"Server: gunicorn\r\n" +
	"SERVER: uvicorn\r\n" +
	"Content-type: text/plain\r\n" +
	"set-cookie: b=2; Path=/\r\n" +
	"X-CSRFToken:tight\r\n" +
	"x_under_score:   wide  \r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n" +
	"Set-Cookie: a=1\r\n" +
	"Date: Mon, 23 Nov 2026 02:41:32 GMT\r\n" +
	"CONTENT-LENGTH: 2\r\n" +
	"Vary: Accept\r\n" +
	"set-cookie: c=3\r\n" +
	"vary: Cookie\r\n" +
	"X-Empty:\r\n"
