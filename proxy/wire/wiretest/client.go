package wiretest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
)

// Deadline is how long a test waits for what must happen at all.
const Deadline = time.Minute

// Listen opens a port of the test's own.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// Front is a server under test, as its clients see it.
type Front struct {
	T    testing.TB
	Addr string
}

// Client is a client's connection.
type Client struct {
	t testing.TB
	*net.TCPConn
	Br *bufio.Reader // each read of the connection has its own deadline
}

// Dial opens a connection, which is closed when the test ends.
func (f *Front) Dial() *Client {
	f.T.Helper()
	return f.DialFrom(nil)
}

// DialFrom is Dial from that address; nil: whichever the system takes.
func (f *Front) DialFrom(ip net.IP) *Client {
	f.T.Helper()
	dialer := net.Dialer{}
	if ip != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: ip}
	}
	conn, err := dialer.Dial("tcp", f.Addr)
	if err != nil {
		f.T.Fatal(err)
	}
	f.T.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(Deadline))
	return &Client{f.T, conn.(*net.TCPConn), bufio.NewReader(eventually.Unhurried(conn))}
}

// Send writes to the connection.
func (c *Client) Send(text string) *Client {
	c.t.Helper()
	if _, err := io.WriteString(c.TCPConn, text); err != nil {
		c.t.Fatalf("sending: %v", err)
	}
	return c
}

// Answer reads one answer with its raw body.
func (c *Client) Answer() string {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(Deadline))
	raw, err := ReadMessage(c.Br)
	if err != nil {
		c.t.Fatalf("reading an answer: %v after %q", err, raw)
	}
	return raw
}

// Rest reads until the connection ends; failed says that it was reset.
func (c *Client) Rest() (raw string, failed bool) {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(Deadline))
	data, err := io.ReadAll(c.Br)
	if network, ok := err.(net.Error); ok && network.Timeout() {
		c.t.Fatalf("the connection did not end; it sent %q", data)
	}
	return string(data), err != nil
}

// Exchange sends a request on a connection of its own and reads the answer.
func (f *Front) Exchange(request string) string {
	f.T.Helper()
	c := f.Dial()
	defer c.Close()
	return c.Send(request).Answer()
}

// Get is a plain request.
func Get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: site.test\r\n\r\n" }

// Fields returns the values of a header in raw, in their order.
func Fields(raw, name string) (values []string) {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if key, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	return values
}

// Body returns what follows the head.
func Body(raw string) string {
	_, body, _ := strings.Cut(raw, "\r\n\r\n")
	return body
}

// Unchunk takes chunked framing off raw; trailers are dropped.
func Unchunk(t testing.TB, raw string) string {
	t.Helper()
	data, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatalf("chunked body %q: %v", raw, err)
	}
	return string(data)
}

// Log is a log that may be read while it is written.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
