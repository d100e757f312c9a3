package wire

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

func TestMain(m *testing.M) {
	if app := os.Getenv(proxyOf); app != "" {
		serveAlone(app)
		return
	}
	os.Exit(testenv.Main(m))
}

// chunks writes a body as chunks of that size, and whatever stands behind it.
func chunks(body string, size int, trailer string) string {
	var b strings.Builder
	for len(body) > 0 {
		part := body[:min(size, len(body))]
		body = body[len(part):]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
	}
	return b.String() + "0\r\n" + trailer + "\r\n"
}

// arrived sends a head and, where the client waits to be told so, what follows when it
// was, and returns what Django saw.
func (s *testServer) arrived(head string, pieces ...string) testenv.Arrival {
	s.T.Helper()
	w := s.Dial()
	defer w.Close()
	w.Send(head)
	if strings.Contains(head, "Expect:") {
		if raw, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 100 ") {
			s.T.Fatalf("told to go on by %q, %v", raw, err)
		}
	}
	for _, piece := range pieces {
		w.Send(piece)
	}
	var a testenv.Arrival
	raw := w.Answer()
	body := wiretest.Body(raw)
	if strings.Contains(raw, "Transfer-Encoding: chunked") {
		body = wiretest.Unchunk(s.T, body)
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		s.T.Fatalf("%v: %q", err, raw)
	}
	return a
}

// Every form of an upload arrives whole, with its length, whatever kind of worker the
// app has.
func TestUploadsArriveWhole(t *testing.T) {
	t.Parallel()
	const head = "POST /upload HTTP/1.1\r\nHost: site.test\r\n"
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			p := startServer(t, testenv.Django(t, testenv.DjangoConfig{Workers: workers}).Address, nil)
			for _, size := range []int{1, 1000, 5000, 100_000, 3_000_000} {
				body := make([]byte, size)
				_, _ = (&pattern{}).Read(body)
				data, step := string(body), size/50+1
				var slow []string
				for rest := data; len(rest) > 0; rest = rest[min(step, len(rest)):] {
					slow = append(slow, fmt.Sprintf("%x\r\n", min(step, len(rest))), rest[:min(step, len(rest))], "\r\n")
				}
				sized, chunked := fmt.Sprintf("Content-Length: %d\r\n\r\n", size), "Transfer-Encoding: chunked\r\n\r\n"
				for form, got := range map[string]testenv.Arrival{
					"length":               p.arrived(head+sized, data),
					"length, slow":         p.arrived(head+sized, data[:size/3], data[size/3:]),
					"length, Expect":       p.arrived(head+"Expect: 100-continue\r\n"+sized, data),
					"one chunk":            p.arrived(head+chunked, chunks(data, size, "")),
					"many chunks":          p.arrived(head+chunked, chunks(data, step, "")),
					"slow chunks":          p.arrived(head+chunked, append(slow, "0\r\n\r\n")...),
					"chunks with trailers": p.arrived(head+"Trailer: X-Sum\r\n"+chunked, chunks(data, step, "X-Sum: 7\r\n")),
					"chunks, Expect":       p.arrived(head+"Expect: 100-continue\r\n"+chunked, chunks(data, step, "")),
				} {
					sum := sha256.Sum256(body)
					if got.SHA256 != hex.EncodeToString(sum[:]) || got.ContentLength != itoa(size) {
						t.Errorf("%d bytes, %s: %d arrived, Content-Length %q", size, form, got.Length, got.ContentLength)
					}
					if got.Headers["Trailer"] != "" || got.Headers["Transfer-Encoding"] != "" || got.Headers["Expect"] != "" {
						t.Errorf("%d bytes, %s: headers %v", size, form, got.Headers)
					}
				}
			}
			if held := p.server.spool.Memory() + p.server.spool.Disk(); held != 0 {
				t.Errorf("%d bytes are held afterwards", held)
			}
		})
	}
}

// An event reaches the client before the app has the next one, and a long poll's answer
// as soon as it is there, from every kind of worker.
func TestEventsAreNotHeldBack(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			app := testenv.Django(t, testenv.DjangoConfig{Workers: workers})
			p := startServer(t, app.Address, func(cfg *Config) { cfg.Server.BodyTimeout = 50 * time.Millisecond })
			open := app.Pipe("events")
			w := p.Dial().Send("GET /events/events/ HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
			pipe := open()
			defer pipe.Close()
			for i := range 5 {
				fmt.Fprintf(pipe, "event %d\n", i)
				if i == 0 {
					if raw, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
						t.Fatalf("%q, %v", raw, err)
					}
				}
				if got := readEvent(w.Br); got != fmt.Sprintf("data: event %d", i) {
					t.Fatalf("event %d came as %q", i, got)
				}
				if i == 3 { // a silent app is no client that takes nothing
					<-time.After(4 * p.server.settings.Load().Server.BodyTimeout)
				}
			}
			pipe.Close()
			if rest, failed := w.Rest(); strings.Contains(rest, "data") || failed {
				t.Errorf("after the last event %q, reset: %v", rest, failed)
			}

			open = app.Pipe("poll")
			w = p.Dial().Send(wiretest.Get("/poll/poll/"))
			_, _ = io.WriteString(open(), "now\n")
			if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
				t.Errorf("the poll gave %q", raw)
			}
		})
	}
}

// readEvent reads an event, chunked or not.
func readEvent(br *bufio.Reader) string {
	for {
		line, err := br.ReadString('\n')
		if strings.HasPrefix(line, "data: ") || err != nil {
			return strings.TrimSpace(line)
		}
	}
}
