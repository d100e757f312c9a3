package testenv_test

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

// What the app's server makes of requests, as the proxy's own tests rely on it: these
// are facts about gunicorn, uvicorn and Django.
func TestDjangoReadings(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			asgi := workers == testenv.ASGIWorkers
			a := testenv.Django(t, testenv.DjangoConfig{Workers: workers})
			const head = " HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n"
			sized := testenv.Arrived(t, a.Address, "POST /x?q=1"+head+"X-Delivery: one\r\nContent-Length: 5\r\n\r\nhello")
			sum := sha256.Sum256([]byte("hello"))
			if sized.Length != 5 || sized.SHA256 != hex.EncodeToString(sum[:]) || sized.Method != http.MethodPost || sized.Path != "/x" || sized.Query != "q=1" || sized.Host != "app.test" || sized.Scheme != "http" {
				t.Errorf("a body with its length: %+v", sized)
			}
			if begun, whole := a.Delivered("one"); begun != 1 || whole != 1 {
				t.Errorf("delivered %d times, %d whole", begun, whole)
			}
			chunked := testenv.Arrived(t, a.Address, "POST /x"+head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
			if want := int64(map[bool]int{true: 5}[asgi]); chunked.Length != want {
				t.Errorf("of a chunked body %d bytes arrive, want %d", chunked.Length, want)
			}
			if got := testenv.Arrived(t, a.Address, "GET /api/v2/captures/thumbnails/7/"+head+"X-Forwarded-Proto: https\r\n\r\n"); got.Route != "thumbnail" || got.Scheme != "https" {
				t.Errorf("the thumbnail route: %+v", got)
			}
		})
	}
}

// The app's pages do what their list says.
func TestDjangoPages(t *testing.T) {
	t.Parallel()
	a := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers, Threads: 4})
	for _, query := range []string{"", "?length=no"} {
		response, err := http.Get("http://" + a.Address + "/download/1000000/" + query)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if n != 1000000 || err != nil || (response.ContentLength == n) == (query != "") {
			t.Errorf("%d bytes, %v, said to be %d", n, err, response.ContentLength)
		}
	}
	if response, _ := testenv.Send(t, a.Address, "POST /early/413/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("early: %s", response.Status)
	}

	// gunicorn sends the head along with the first of the body.
	open := a.Pipe("a")
	begun := make(chan *http.Response)
	go func() {
		defer close(begun)
		response, err := http.Get("http://" + a.Address + "/events/a/")
		if err != nil {
			t.Error(err)
			return
		}
		begun <- response
	}()
	pipe := open()
	_, _ = io.WriteString(pipe, "0\n")
	response := <-begun
	if response == nil {
		t.FailNow()
	}
	defer response.Body.Close()
	events := bufio.NewReader(response.Body)
	for i := range 3 {
		line, err := events.ReadString('\n')
		_, _ = events.ReadString('\n')
		if line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %q, %v", line, err)
		}
		fmt.Fprintf(pipe, "%d\n", i+1)
	}
	if line, err := events.ReadString('\n'); line != "data: 3\n" {
		t.Fatalf("event %q, %v", line, err)
	}
	_, _ = events.ReadString('\n')
	pipe.Close()
	if rest, err := io.ReadAll(events); len(rest) > 0 || err != nil {
		t.Errorf("after the last event %q, %v", rest, err)
	}

	open = a.Pipe("b")
	answered := make(chan string)
	go func() {
		_, body := testenv.Send(t, a.Address, "GET /poll/b/ HTTP/1.1\r\nHost: a\r\n\r\n")
		answered <- body
	}()
	_, _ = io.WriteString(open(), "now\n")
	if got := <-answered; got != "now\n" {
		t.Errorf("the poll gave %q", got)
	}

	for _, query := range []string{"", "?after=10"} {
		response, err := http.Get("http://" + a.Address + "/die/" + query)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		if err == nil {
			t.Errorf("/die/%s answered: %s", query, response.Status)
		}
	}
	if got := testenv.Arrived(t, a.Address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.Route != "any" || strings.Contains(a.Log(), "Traceback") {
		t.Errorf("afterwards %+v\n%s", got, a.Log())
	}
}
