package wire

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Server-sent events arrive as they are sent, and so does a head without a body.
func TestEventsArriveAsTheyAreSent(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		_, _ = a.Read(br)
		for part := range next {
			if _, err := io.WriteString(conn, part); err != nil {
				return
			}
		}
	})
	p := startServer(t, a.Addr, nil)
	w := p.Dial()
	w.Send(wiretest.Get("/events"))
	next <- "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	if raw, err := wiretest.ReadHead(w.Br); err != nil {
		t.Fatalf("head %q, %v", raw, err)
	}
	for range 5 {
		sent := time.Now()
		next <- "9\r\ndata: x\n\n\r\n"
		want := "9\r\ndata: x\n\n\r\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(w.Br, got); err != nil || string(got) != want {
			t.Fatalf("event %q, %v", got, err)
		}
		t.Logf("an event took %v", time.Since(sent))
	}
	close(next)
	if more, failed := w.Rest(); !failed || strings.Contains(more, "0\r\n\r\n") {
		t.Errorf("an answer that broke off ended with %q, reset: %v", more, failed)
	}
}

// An app that dies in the middle of a body breaks the client's connection too, so
// that nothing cut off ever looks complete.
func TestAppDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"sized":        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial",
		"chunked":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nparti\r\n",
		"in a chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nparti",
		"bad chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npartial",
		"close, reset": "HTTP/1.1 200 OK\r\n\r\npartial",
	} {
		for _, version := range []string{"1.1", "1.0"} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
					_, _ = a.Read(br)
					_, _ = io.WriteString(conn, answer)
					_, _ = io.Copy(io.Discard, br) // until the client has the beginning
					if name == "close, reset" {
						_ = conn.SetLinger(0)
					}
				})
				p := startServer(t, a.Addr, nil)
				w := p.Dial()
				w.Send("GET /x HTTP/" + version + "\r\nHost: site.test\r\n\r\n")
				if _, err := wiretest.ReadHead(w.Br); err != nil {
					t.Fatal(err)
				}
				for _, conn := range a.Open() {
					_ = conn.CloseRead()
				}
				more, failed := w.Rest()
				if !failed || strings.Contains(more, "0\r\n\r\n") {
					t.Errorf("the client got %q, reset: %v", more, failed)
				}
			})
		}
	}
}

// What cannot be understood is a 502, not a guess.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no HTTP":                          "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"two lengths":                      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"three lengths":                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"lengths that differ, in spelling": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 02\r\n\r\nok",
		"NUL in a value":                   "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 2\r\n\r\nok",
		"bare carriage return":             "HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 2\r\n\r\nok",
		"identity and chunked":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: gzip\r\n\r\nok",
		"unknown encoding":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
		"status of two digits":             "HTTP/1.1 99 Low\r\n\r\n",
		"switching unasked":                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"head too large":                   "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", appBuffer) + "\r\n\r\n",
		"nothing":                          "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
				_, _ = a.Read(br)
				_, _ = io.WriteString(conn, answer)
			})
			p := startServer(t, a.Addr, nil)
			raw := p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\nx")
			if !strings.HasPrefix(raw, "HTTP/1.1 502 ") || !strings.HasPrefix(wiretest.Body(raw), `{"detail":"`) {
				t.Errorf("answer %q", raw)
			}
			if n := a.Accepted(); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}
