package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// What is no page, and what is one that cannot be rewritten, goes out byte for
// byte as the app sent it, head and body, and says why.
func TestPageStaysAsTheAppSentIt(t *testing.T) {
	t.Parallel()
	page := thumbnailsOf(1, 2)
	large := `{"a":"` + strings.Repeat("x", 2000) + `",` + page[1:]
	for name, c := range map[string]struct {
		request string // header lines
		answer  string
		reason  passReason
	}{
		"another status": {answer: strings.Replace(jsonAnswer(page), "200 OK", "404 Not Found", 1), reason: reasonStatus},
		"created":        {answer: strings.Replace(jsonAnswer(page), "200 OK", "201 Created", 1), reason: reasonStatus},
		"another media type": {
			answer: strings.Replace(jsonAnswer(page), "application/json", "text/html; charset=utf-8", 1), reason: reasonMediaType,
		},
		"json in its name only": {answer: strings.Replace(jsonAnswer(page), "application/json", "application/jsonp", 1), reason: reasonMediaType},
		"no media type":         {answer: strings.Replace(jsonAnswer(page), "Content-Type: application/json\r\n", "", 1), reason: reasonMediaType},
		"no-transform":          {answer: jsonAnswer(page, "Cache-Control: private", "Cache-Control: max-age=3, No-Transform"), reason: reasonNoTransform},
		"a range": {
			request: "Range: bytes=0-10\r\n", reason: reasonRange,
			answer: strings.Replace(jsonAnswer(page[:11], "Content-Range: bytes 0-10/100"), "200 OK", "206 Partial Content", 1),
		},
		"a range that the app ignores": {request: "Range: bytes=0-\r\n", answer: jsonAnswer(page), reason: reasonRange},
		"no body":                      {answer: jsonAnswer(""), reason: reasonEmpty},
		"an unknown encoding":          {answer: jsonAnswer(page, "Content-Encoding: rot13"), reason: reasonEncoding},
		"two encodings":                {answer: jsonAnswer(page, "Content-Encoding: gzip, br"), reason: reasonEncoding},
		"no encoding at all":           {answer: jsonAnswer(page, "Content-Encoding: gzip"), reason: reasonEncoding},
		"markup":                       {answer: jsonAnswer("<html>" + page + "</html>"), reason: reasonNotJSON},
		"broken":                       {answer: jsonAnswer(page + ","), reason: reasonNotJSON},
		"truncated":                    {answer: jsonAnswer(page[:len(page)-1]), reason: reasonNotJSON},
		"a comment in it":              {answer: jsonAnswer(strings.Replace(page, "{", "{/* */", 1)), reason: reasonNotJSON},
		"no route URL":                 {answer: jsonAnswer(`{"thumbnails":null,"comment":"`+route(1, "small")+`"}`, "ETag: \"a\""), reason: reasonNoRoutes},
		"route URLs elsewhere": {
			answer: jsonAnswer(strings.ReplaceAll(page, "site.test", "evil.test"), "ETag: \"a\""), reason: reasonAuthority,
		},
		"all cold": {
			answer: jsonAnswer(thumbnailsOf(3, 4, 5, 6), "ETag: \"a\"", "Last-Modified: Mon, 23 Nov 2026 02:41:32 GMT", "Accept-Ranges: bytes", "Content-MD5: x", "Set-Cookie: a=1", "Set-Cookie: b=2"),
			reason: reasonNothingWarm,
		},
		"too large":          {answer: jsonAnswer(large), reason: reasonTooLarge},
		"too large, chunked": {answer: chunkedAnswer(large, 700), reason: reasonTooLarge},
		"broken, chunked":    {answer: chunkedAnswer(page[:400], 100), reason: reasonNotJSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metrics := NewMetrics(prometheus.NewRegistry())
			p, _ := startPages(t, warmCaptures(), func(cfg *Config, deps *Deps) {
				cfg.Rewrite.MaxBody = 2000
				deps.Metrics = metrics
			}, func(string) string { return c.answer })
			w := p.Dial()
			for range 2 {
				answer := w.Send("GET " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\n" + c.request + "\r\n").Answer()
				got, cache := canonical(answer, "Cache-Status")
				want, _ := canonical(c.answer)
				if strings.Contains(want, "transfer-encoding: chunked") {
					_, body, _ := strings.Cut(answer, "\r\n\r\n")
					got, _ = canonical(strings.Replace(answer, body, wiretest.Unchunk(t, body), 1), "Cache-Status")
					_, body, _ = strings.Cut(c.answer, "\r\n\r\n")
					want, _ = canonical(strings.Replace(c.answer, body, wiretest.Unchunk(t, body), 1))
				}
				if got != want {
					t.Errorf("the app sent\n%s\nand the client got\n%s", want, got)
				}
				if want := "thumbedge; fwd=uri-miss; detail=" + string(c.reason); cache != want && c.reason != reasonRange {
					t.Errorf("Cache-Status is %q, want %q", cache, want)
				}
			}
			if got := count(metrics.passed[c.reason]); got != 2 {
				t.Errorf("%d answers are counted as passed through for that reason, want 2", got)
			}
			eventually.Holds(t, "the memory is given back", func() bool { return p.server.lasting.memory.used.Load() == 0 })
		})
	}
}

// chunkedAnswer is a page in chunks of that size.
func chunkedAnswer(body string, size int) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		part := body[:min(len(body), size)]
		body = body[len(part):]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
	}
	return b.String() + "0\r\n\r\n"
}

// canonical is an answer with its header lines in order, one header taken out.
func canonical(answer string, without ...string) (rest, taken string) {
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	var fields []string
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if len(without) > 0 && strings.EqualFold(name, without[0]) {
			taken = value
			continue
		}
		fields = append(fields, strings.ToLower(name)+": "+value)
	}
	slices.Sort(fields)
	return lines[0] + "\n" + strings.Join(fields, "\n") + "\n\n" + body, taken
}

// An answer that never ends, of the page's media type, arrives as it is sent once
// it has stalled.
func TestPageThatStallsStreamsThrough(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"sized":            "Content-Length: 100\r\n\r\n" + `{"a":"`,
		"chunked":          "Transfer-Encoding: chunked\r\n\r\n6\r\n" + `{"a":"` + "\r\n",
		"until it is over": "\r\n" + `{"a":"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goOn := make(chan struct{})
			metrics := NewMetrics(prometheus.NewRegistry())
			p := startSlow(t, metrics, head, goOn)
			w := p.Dial().Send("GET " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")
			begun, err := wiretest.ReadHead(w.Br)
			if err != nil || !strings.HasPrefix(begun, "HTTP/1.1 200 OK") {
				t.Fatalf("%q, %v", begun, err)
			}
			if strings.Contains(begun, "chunked") {
				_, _ = w.Br.ReadString('\n')
			}
			part := make([]byte, 6)
			if _, err := io.ReadFull(w.Br, part); err != nil || string(part) != `{"a":"` {
				t.Errorf("the client has %q (%v) while the app is silent", part, err)
			}
			close(goOn)
			_, failed := w.Rest()
			if name != "until it is over" && !failed {
				t.Error("an answer that breaks off looks complete")
			}
			if got := count(metrics.passed[reasonStalled]); got != 1 {
				t.Errorf("%d pages stalled, want 1", got)
			}
		})
	}
}

// A body that trickles does not hold its page for as long as it likes: what is there
// streams through, and so does the rest.
func TestPageThatTricklesStreamsThrough(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	page := thumbnailsOf(1)
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.Read(br); err != nil {
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(page))
		drip := time.NewTicker(500 * time.Millisecond)
		defer drip.Stop()
		rest := page
		for waiting := true; waiting && len(rest) > 1; {
			_, _ = io.WriteString(conn, rest[:1])
			rest = rest[1:]
			select {
			case <-seen:
				waiting = false
			case <-drip.C:
			}
		}
		_, _ = io.WriteString(conn, rest)
	})
	metrics := NewMetrics(prometheus.NewRegistry())
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Specs = pageSpecs
		deps.Resolver, deps.Metrics = warmCaptures(), metrics
	})
	w := p.Dial().Send(wiretest.Get(pageTarget))
	if head, err := wiretest.ReadHead(w.Br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 200 OK") {
		t.Fatalf("%q, %v", head, err)
	}
	if _, err := w.Br.Peek(1); err != nil {
		t.Fatal(err)
	}
	close(seen)
	body := make([]byte, len(page))
	if _, err := io.ReadFull(w.Br, body); err != nil || string(body) != page {
		t.Errorf("%v, %q", err, body)
	}
	if got := count(metrics.passed[reasonStalled]); got != 1 {
		t.Errorf("%d pages stalled, want 1", got)
	}
}
