package deploy_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestNginxDjangoUploads: every form of an upload through nginx and thumbedge arrives
// whole at the real Django, whatever kind of worker it has, and nginx keeps none of it.
func TestNginxDjangoUploads(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			n := startNginx(t, start(t, testenv.Django(t, testenv.DjangoConfig{Workers: workers}).Address).Addr())
			const head = "POST /upload HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n"
			for _, size := range []int{10, 20_000, 2_000_000} {
				data := strings.Repeat("0123456789", size/10)
				half := len(data) / 2
				sized, chunked := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(data)), "Transfer-Encoding: chunked\r\n\r\n"
				many := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n", half, data[:half], len(data)-half, data[half:])
				sum := sha256.Sum256([]byte(data))
				for form, request := range map[string]string{
					"length":               head + sized + data,
					"length, Expect":       head + "Expect: 100-continue\r\n" + sized + data,
					"one chunk":            head + chunked + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(data), data),
					"chunks":               head + chunked + many + "\r\n",
					"chunks with trailers": head + "Trailer: X-Sum\r\n" + chunked + many + "X-Sum: 7\r\n\r\n",
				} {
					got := testenv.Arrived(t, n.Address, request)
					if got.SHA256 != hex.EncodeToString(sum[:]) || got.ContentLength != fmt.Sprint(len(data)) {
						t.Errorf("%d bytes, %s: %d arrived, Content-Length %q", size, form, got.Length, got.ContentLength)
					}
				}
			}
			if traces := n.Spooled(); len(traces) > 0 {
				t.Errorf("nginx has put bodies on disk: %v", traces)
			}
		})
	}
}

// TestNginxDjangoEvents: an event reaches the client before the app has the next one.
func TestNginxDjangoEvents(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			app := testenv.Django(t, testenv.DjangoConfig{Workers: workers})
			n := startNginx(t, start(t, app.Address).Addr())
			open := app.Pipe("a")
			conn := dial(t, n)
			_, _ = io.WriteString(conn, "GET /events/a/ HTTP/1.1\r\nHost: site.example\r\n\r\n")
			pipe := open()
			_, _ = io.WriteString(pipe, "0\n")
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			events := bufio.NewReader(response.Body)
			for i := range 5 {
				line, err := events.ReadString('\n')
				_, _ = events.ReadString('\n')
				if line != fmt.Sprintf("data: %d\n", i) {
					t.Fatalf("event %d came as %q, %v", i, line, err)
				}
				fmt.Fprintf(pipe, "%d\n", i+1)
			}
		})
	}
}

// TestNginxDjangoSlowClients: behind the shipped site, uploads that stall and downloads
// that nobody reads leave an app of two threads to others.
func TestNginxDjangoSlowClients(t *testing.T) {
	t.Parallel()
	app := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers, Threads: 2})
	n := startNginx(t, start(t, app.Address).Addr())
	for range 20 {
		conn := dial(t, n)
		_, _ = io.WriteString(conn, "POST /stalled HTTP/1.1\r\nHost: site.example\r\nX-Delivery: stalled\r\nContent-Length: 1000000\r\n\r\nsome of it")
		conn = dial(t, n)
		_, _ = io.WriteString(conn, "GET /download/30000000/ HTTP/1.1\r\nHost: site.example\r\n\r\n")
	}
	for range 20 {
		testenv.Arrived(t, n.Address, "GET /page HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")
	}
	if begun, _ := app.Delivered("stalled"); begun > 0 {
		t.Errorf("%d stalled uploads reached the app", begun)
	}
}
