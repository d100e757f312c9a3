package proxy

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
			a := startApp(t, answering(okAnswer))
			p := startProxy(t, a.addr, nil)
			w := p.dial()
			if c.status >= 400 {
				// What follows an attack on the connection must not be answered either.
				c.request += get("/next")
			}
			w.send(c.request)
			raw := w.answer()
			if want := fmt.Sprintf("HTTP/1.1 %d ", c.status); !strings.HasPrefix(raw, want) {
				t.Errorf("answer %q, want %s", raw, want)
			}
			if c.status >= 400 {
				if more, _ := w.rest(); more != "" {
					t.Errorf("then %q, want the connection closed", more)
				}
				if got := fieldsOf(raw, "Connection"); len(got) != 1 || got[0] != "close" {
					t.Errorf("Connection: %q", got)
				}
				if !strings.HasPrefix(bodyOf(raw), `{"detail":`) {
					t.Errorf("body %q", bodyOf(raw))
				}
			}
			a.stop()
			whole := 0
			for _, request := range a.seen() {
				if _, err := readMessage(bufio.NewReader(strings.NewReader(request))); err == nil {
					whole++
				}
				if strings.Contains(request, "smuggled") || strings.Contains(request, "/next") {
					t.Errorf("the app was sent %q", request)
				}
			}
			if whole != c.reaches {
				t.Errorf("%d whole requests reached the app, want %d: %q", whole, c.reaches, a.seen())
			}
		})
	}
}

// An absolute target is sent on in the form that servers are sent.
func TestAbsoluteFormBecomesOriginForm(t *testing.T) {
	t.Parallel()
	a := startApp(t, answering(okAnswer))
	p := startProxy(t, a.addr, nil)
	p.exchange("GET http://SITE.test//a%2Fb/../c?q HTTP/1.1\r\nHost: site.test\r\n\r\n")
	if got := a.seen()[0]; !strings.HasPrefix(got, "GET //a%2Fb/../c?q HTTP/1.1\r\n") {
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
			a := startApp(t, func(a *app, conn *net.TCPConn, br *bufio.Reader) {
				var all bytes.Buffer
				_, _ = all.ReadFrom(br)
				got <- all.Bytes()
			})
			p := startProxy(t, a.addr, nil)
			w := p.dial()
			w.send("POST /x HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + tail)
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
	nobody := listen(t)
	_ = nobody.Close()
	p := startProxy(t, nobody.Addr().String(), func(cfg *Config, _ *Deps) { cfg.Server.MaxRequestBody = 1 << 20 })

	w := p.dial()
	body := get("/smuggled") + strings.Repeat("x", 100<<10)
	for range 2 {
		w.send(fmt.Sprintf("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		if raw := w.answer(); !strings.HasPrefix(raw, "HTTP/1.1 502 ") {
			t.Fatalf("answer %q", raw)
		}
	}
	for length, status := range map[int]string{2 << 20: "413", 1 << 20: "502"} {
		w := p.dial()
		w.send(fmt.Sprintf("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n%s", length, body))
		if raw := w.answer(); !strings.HasPrefix(raw, "HTTP/1.1 "+status+" ") {
			t.Fatalf("answer %q", raw)
		}
		if more, _ := w.rest(); more != "" {
			t.Errorf("then %q", more)
		}
	}
	if strings.Contains(p.log.String(), "/smuggled") {
		t.Errorf("the body was read as a request: %s", p.log.String())
	}
}
