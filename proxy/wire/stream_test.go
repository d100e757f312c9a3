package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// pattern is an endless body that shows any byte that is missing or moved.
type pattern struct{ at int }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte((p.at + i) * 31 >> 3)
	}
	p.at += len(b)
	return len(b), nil
}

// check is a writer that compares with the pattern.
type check struct {
	pattern pattern
	want    []byte // scratch: garbage would count as held
}

func (c *check) Write(b []byte) (int, error) {
	c.want = slices.Grow(c.want[:0], len(b))[:len(b)]
	_, _ = c.pattern.Read(c.want)
	if !bytes.Equal(c.want, b) {
		return 0, fmt.Errorf("the body differs before byte %d", c.pattern.at)
	}
	return len(b), nil
}

const large = 16 << 20

// A large body goes up while another comes down, byte for byte, and neither is
// held in memory.
func TestLargeBodiesBothWays(t *testing.T) {
	received := make(chan struct{})
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		defer close(received)
		if _, err := wiretest.ReadHead(br); err != nil {
			return
		}
		var both sync.WaitGroup
		both.Go(func() {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", large)
			_, _ = io.CopyN(conn, &pattern{}, large)
		})
		if _, err := io.CopyN(&check{}, br, large); err != nil {
			t.Errorf("upload: %v", err)
		}
		both.Wait()
	})
	p := startServer(t, a.Addr, streaming)
	before := liveHeap()
	w := p.Dial()
	w.Send(fmt.Sprintf("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n", large))
	sent := make(chan error, 1)
	go func() {
		_, err := io.CopyN(w.TCPConn, &pattern{}, large)
		sent <- err
	}()
	if raw, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
		t.Fatalf("answer %q, %v", raw, err)
	}
	if _, err := io.CopyN(&check{}, w.Br, large/2); err != nil {
		t.Fatalf("download: %v", err)
	}
	during := liveHeap()
	if _, err := io.CopyN(&check{}, w.Br, large/2); err != nil {
		t.Fatalf("download: %v", err)
	}
	if err := <-sent; err != nil {
		t.Errorf("sending: %v", err)
	}
	<-received
	if held := during - before; held > large/4 {
		t.Errorf("%d of %d bytes held in the middle", held, large)
	}
}

// liveHeap returns the bytes of the heap that something still refers to.
func liveHeap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // pools let go of theirs at the second
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A client that reads slowly slows the app down, rather than fill memory.
func TestSlowClientHoldsTheAppBack(t *testing.T) {
	t.Parallel()
	const size = 256 << 20
	var mu sync.Mutex
	sent := 0
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		part := make([]byte, 64<<10)
		for range size / len(part) {
			n, err := conn.Write(part)
			if err != nil {
				return
			}
			mu.Lock()
			sent += n
			mu.Unlock()
		}
	})
	p := startServer(t, a.Addr, streaming)
	w := p.Dial()
	w.Send(wiretest.Get("/x"))
	if _, err := wiretest.ReadHead(w.Br); err != nil {
		t.Fatal(err)
	}
	last, stable := -1, 0
	eventually.Holds(t, "the app is held back", func() bool {
		mu.Lock()
		defer mu.Unlock()
		if sent != last {
			last, stable = sent, 0
		}
		stable++
		return stable > 100
	})
	if last > size/4 { // the kernel's buffers, four of them, take some MiB
		t.Errorf("the app has sent %d MiB to a client that reads nothing", last>>20)
	}
}

// A client that goes away ends the app's work: while it waits for the answer, and
// in the middle of the body. The proxy looks often enough for that to take less than
// a second.
func TestClientDisconnectEndsTheUpstreamRequest(t *testing.T) {
	t.Parallel()
	if tick > time.Second/2 {
		t.Errorf("it looks every %v", tick)
	}
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"} {
		t.Run(fmt.Sprintf("after %d bytes", len(answer)), func(t *testing.T) {
			t.Parallel()
			asked, ended := make(chan struct{}), make(chan time.Time, 1)
			a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
				_, _ = a.Read(br)
				_, _ = io.WriteString(conn, answer)
				close(asked)
				_, _ = io.Copy(io.Discard, br)
				ended <- time.Now()
			})
			p := startServer(t, a.Addr, nil)
			w := p.Dial()
			w.Send(wiretest.Get("/x"))
			<-asked
			left := time.Now()
			_ = w.Close()
			select {
			case at := <-ended:
				t.Logf("ended after %v", at.Sub(left))
			case <-time.After(wiretest.Deadline):
				t.Fatal("the app's connection stayed open")
			}
			eventually.Holds(t, "the client is counted as gone", func() bool { return count(p.server.metrics.clientsGone) == 1 })
		})
	}
}

// A client that goes away in the middle of its upload leaves the app a request
// that is cut off, not one that ends.
func TestClientDisconnectDuringUpload(t *testing.T) {
	t.Parallel()
	for _, framing := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked"} {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 1)
			started := make(chan struct{})
			a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
				_, _ = wiretest.ReadHead(br)
				close(started)
				body, err := io.ReadAll(br)
				got <- fmt.Sprint(string(body), err)
			})
			p := startServer(t, a.Addr, streaming)
			w := p.Dial()
			w.Send("POST /x HTTP/1.1\r\nHost: site.test\r\n" + framing + "\r\n\r\n5\r\nhello\r\n")
			<-started
			_ = w.Close()
			if body := <-got; strings.Contains(body, "0\r\n\r\n") || !strings.Contains(body, "reset") {
				t.Errorf("the app got %q", body)
			}
		})
	}
}

// An answer that comes before the upload has ended reaches the client, who is
// still sending.
func TestEarlyAnswerToAnUpload(t *testing.T) {
	t.Parallel()
	for ending, status := range map[string]string{
		"keeps reading": "413 Payload Too Large", "stops reading": "401 Unauthorized",
		"closes": "401 Unauthorized", "closes, chunked": "413 Payload Too Large",
	} {
		t.Run(ending, func(t *testing.T) {
			t.Parallel()
			framing := "Content-Length: 100000000\r\n\r\n"
			if strings.HasSuffix(ending, "chunked") {
				framing = "Transfer-Encoding: chunked\r\n\r\n5f5e100\r\n"
			}
			a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
				if _, err := wiretest.ReadHead(br); err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 3\r\n\r\nno!")
				switch ending {
				case "keeps reading":
					_, _ = io.Copy(io.Discard, br)
				case "closes", "closes, chunked":
					_ = conn.CloseWrite()
					_, _ = io.CopyN(io.Discard, br, 1<<20)
				default:
					<-t.Context().Done()
				}
			})
			p := startServer(t, a.Addr, streaming)
			w := p.Dial()
			w.Send("POST /x HTTP/1.1\r\nHost: site.test\r\n" + framing)
			sending := make(chan struct{})
			go func() {
				defer close(sending)
				_, _ = io.CopyN(w.TCPConn, &pattern{}, 100000000)
			}()
			raw := w.Answer()
			if !strings.HasPrefix(raw, "HTTP/1.1 "+status+"\r\n") || wiretest.Body(raw) != "no!" {
				t.Errorf("answer %q", raw)
			}
			if got := wiretest.Fields(raw, "Connection"); len(got) != 1 || got[0] != "close" {
				t.Errorf("Connection: %q", got)
			}
			_ = w.Close()
			<-sending
		})
	}
}

// After a whole upload the client's connection, and the app's, go on.
func TestConnectionsGoOnAfterAnUpload(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	body := strings.Repeat("x", 3*smallBody)
	for range 3 {
		raw := w.Send(fmt.Sprintf("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)).Answer()
		if wiretest.Body(raw) != "ok" {
			t.Fatalf("answer %q", raw)
		}
	}
	w.Send(wiretest.Get("/x")).Answer()
	if n := a.Accepted(); n != 3 {
		t.Errorf("%d connections to the app, want one for each upload and none for the last request", n)
	}
	for _, request := range a.Seen()[:3] {
		if wiretest.Body(request) != body {
			t.Errorf("the app was sent %d bytes", len(wiretest.Body(request)))
		}
	}
}
