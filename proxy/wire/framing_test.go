package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// framingCase is a file in testdata/framing: what a client sends, the status it
// gets, and how many whole requests reach the app. In what it sends, line ends of
// the file do not count; \r, \n, \xNN and {repeat N text} do.
type framingCase struct {
	status, reaches int
	request         string
}

func readFramingCase(t *testing.T, path string) (c framingCase) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	expected, request, ok := strings.Cut(string(text), "\n---\n")
	if !ok {
		t.Fatalf("%s has no ---", path)
	}
	if _, err := fmt.Sscanf(expected[strings.Index(expected, "\n")+1:], "status %d\nreaches %d", &c.status, &c.reaches); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	request = strings.ReplaceAll(request, "\n", "")
	for {
		before, rest, found := strings.Cut(request, "{repeat ")
		if !found {
			break
		}
		inside, after, _ := strings.Cut(rest, "}")
		times, what, _ := strings.Cut(inside, " ")
		n, err := strconv.Atoi(times)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		request = before + strings.Repeat(what, n) + after
	}
	c.request, err = strconv.Unquote(`"` + strings.ReplaceAll(request, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return c
}

// Every way to make two servers disagree about where a request ends is refused,
// with the connection closed and nothing of it sent on.
func TestFramingCases(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/framing/*.txt")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			c := readFramingCase(t, path)
			a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
			p := startServer(t, a.Addr, nil)
			w := p.Dial()
			if c.status >= 400 {
				// What follows an attack on the connection must not be answered either.
				c.request += wiretest.Get("/next")
			}
			w.Send(c.request)
			raw := w.Answer()
			if want := fmt.Sprintf("HTTP/1.1 %d ", c.status); !strings.HasPrefix(raw, want) {
				t.Errorf("answer %q, want %s", raw, want)
			}
			if c.status >= 400 {
				if more, _ := w.Rest(); more != "" {
					t.Errorf("then %q, want the connection closed", more)
				}
				if got := wiretest.Fields(raw, "Connection"); len(got) != 1 || got[0] != "close" {
					t.Errorf("Connection: %q", got)
				}
				if !strings.HasPrefix(wiretest.Body(raw), `{"detail":`) {
					t.Errorf("body %q", wiretest.Body(raw))
				}
			}
			a.Stop()
			whole := 0
			for _, request := range a.Seen() {
				if _, err := wiretest.ReadMessage(bufio.NewReader(strings.NewReader(request))); err == nil {
					whole++
				}
				if strings.Contains(request, "smuggled") || strings.Contains(request, "/next") {
					t.Errorf("the app was sent %q", request)
				}
			}
			if whole != c.reaches {
				t.Errorf("%d whole requests reached the app, want %d: %q", whole, c.reaches, a.Seen())
			}
		})
	}
}

// An absolute target is sent on in the form that servers are sent.
func TestAbsoluteFormBecomesOriginForm(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	p.Exchange("GET http://SITE.test//a%2Fb/../c?q HTTP/1.1\r\nHost: site.test\r\n\r\n")
	if got := a.Seen()[0]; !strings.HasPrefix(got, "GET //a%2Fb/../c?q HTTP/1.1\r\n") {
		t.Errorf("the app was sent %q", got)
	}
}

// A chunked body that breaks off reaches the app broken off, never ended.
func TestBrokenChunksAbortTheUpstreamRequest(t *testing.T) {
	t.Parallel()
	for _, tail := range []string{"-1\r\n", "ffffffffffffffff\r\n", "3\r\nab", "3\r\nabcXX"} {
		t.Run(strconv.Quote(tail), func(t *testing.T) {
			t.Parallel()
			got := make(chan []byte, 1)
			a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
				var all bytes.Buffer
				_, _ = all.ReadFrom(br)
				got <- all.Bytes()
			})
			p := startServer(t, a.Addr, streaming)
			w := p.Dial()
			w.Send("POST /x HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + tail)
			_ = w.CloseWrite()
			if data := <-got; bytes.Contains(data, []byte("0\r\n\r\n")) {
				t.Errorf("the app was sent a whole body: %q", data)
			}
		})
	}
}

// What is left unread of a body is never read as the next request: a small rest is
// read past, and otherwise the connection ends.
func TestUnreadBodyIsNotTheNextRequest(t *testing.T) {
	t.Parallel()
	p := startServer(t, nobody, func(cfg *Config) {
		cfg.Server.MaxRequestBody, cfg.Upstream.Spool = 1<<20, false
	})

	w := p.Dial()
	body := wiretest.Get("/smuggled") + strings.Repeat("x", 100<<10)
	for range 2 {
		w.Send(fmt.Sprintf("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
			t.Fatalf("answer %q", raw)
		}
	}
	for length, status := range map[int]string{2 << 20: "413", 1 << 20: "502"} {
		w := p.Dial()
		w.Send(fmt.Sprintf("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n%s", length, body))
		if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 "+status+" ") {
			t.Fatalf("answer %q", raw)
		}
		if more, _ := w.Rest(); more != "" {
			t.Errorf("then %q", more)
		}
	}
	if strings.Contains(p.log.String(), "/smuggled") {
		t.Errorf("the body was read as a request: %s", p.log.String())
	}
}

// A request that is refused is told so on a used connection too.
func TestRefusalAfterAGoodRequest(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, nil)
	for bad, status := range map[string]string{
		"GET /x HTTP/1.1\nHost: site.test\r\n\r\n": "400",
		"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n":     "400",
		"GET /" + strings.Repeat("x", 64<<10):      "414",
	} {
		w := p.Dial()
		w.Send(wiretest.Get("/x")).Answer()
		_, _ = w.Write([]byte(bad))
		if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 "+status+" ") {
			t.Errorf("%.40q: answer %q, want %s", bad, raw, status)
		}
	}
}
