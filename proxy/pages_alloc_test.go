//go:build !race

// The race detector makes pools forget.

package proxy

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// pageLoop is a client that asks for one page over and over, and an app that has
// it ready: neither allocates.
type pageLoop struct {
	conn   net.Conn
	answer []byte
	length int
}

func (l *pageLoop) once(t testing.TB) {
	if _, err := l.conn.Write(pageRequest); err != nil {
		t.Fatal(err)
	}
	if l.length == 0 { // the first one
		n := 0
		for l.length == 0 {
			m, err := l.conn.Read(l.answer[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
			head, _, found := bytes.Cut(l.answer[:n], []byte("\r\n\r\n"))
			if !found {
				continue
			}
			for line := range strings.SplitSeq(string(head), "\r\n") {
				if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
					for _, c := range value {
						l.length = l.length*10 + int(c-'0')
					}
				}
			}
			l.length += len(head) + 4
		}
		if _, err := io.ReadFull(l.conn, l.answer[n:l.length]); err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := io.ReadFull(l.conn, l.answer[:l.length]); err != nil {
		t.Fatal(err)
	}
}

var pageRequest = []byte("GET " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\nAccept: application/json\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\nAuthorization: Token abc\r\n\r\n")

func startPageLoop(t testing.TB, fields string) *pageLoop {
	t.Helper()
	recorded, err := os.ReadFile("page/testdata/page_40_captures.json")
	if err != nil {
		t.Fatal(err)
	}
	answer := []byte(jsonAnswer(string(recorded), "Server: gunicorn", "Date: "+modified, "Vary: Accept, Cookie", "Allow: GET, HEAD, OPTIONS"+fields,
		"X-Content-Type-Options: nosniff", "Referrer-Policy: same-origin"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				br := bufio.NewReader(conn)
				for {
					line, err := br.ReadSlice('\n')
					if err != nil {
						_ = conn.Close()
						return
					}
					if len(line) == 2 {
						_, _ = conn.Write(answer)
					}
				}
			}()
		}
	}()
	cfg := Defaults()
	cfg.Upstream.URL = "http://" + ln.Addr().String()
	cfg.Rewrite.Hosts = []string{"127.0.0.1:9000"}
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	server, err := New(cfg, Deps{Resolver: warmAll{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(front) }()
	conn, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = server.Shutdown(t.Context())
		<-served
	})
	l := &pageLoop{conn: conn, answer: make([]byte, 1<<20)}
	l.once(t)
	l.length = 0 // from now on it may come from memory, with another head
	for range 10 {
		l.once(t)
	}
	if n := bytes.Count(l.answer[:l.length], []byte("https://cdn.test/")); n != 120 {
		t.Fatalf("%d URLs are rewritten, want 120", n)
	}
	return l
}

// A page costs no allocation once the buffers have grown.
func TestPageAllocatesNothing(t *testing.T) {
	for name, fields := range map[string]string{
		"plain": "", "with a validator": "\r\nETag: \"app\"", "kept": "\r\nETag: \"app\"\r\nCache-Control: public, max-age=2000000000",
	} {
		l := startPageLoop(t, fields)
		if n := testing.AllocsPerRun(200, func() { l.once(t) }); n != 0 {
			t.Errorf("%s: %v allocations for a page, want 0", name, n)
		}
	}
}

// Nor does it cost one to put signed URLs in the place of nulls, the same as before or others.
func TestFillingAllocatesNothing(t *testing.T) {
	signer := testSigner(t, testSite)
	f := newFillingOf(&scriptedFilling{}, benchSpecs, func() *signing.Signer { return signer })
	j, dst := jobOfNull(12, &thumb.Known{Standing: thumb.Draft, Project: 1 << 40}), make([]byte, 0, 1<<10)
	for name, step := range map[string]int64{"remembered": 0, "signed": 1} {
		if n := testing.AllocsPerRun(1000, func() {
			j.known[0].Project += step
			if len(f.fillOnly(j, dst)) <= len(nullBody) {
				t.Fatal("nothing is filled in")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for a null, want 0", name, n)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	for name, fields := range map[string]string{
		"plain": "", "validated": "\r\nETag: \"app\"", "kept": "\r\nETag: \"app\"\r\nCache-Control: public, max-age=2000000000",
	} {
		b.Run(name, func(b *testing.B) {
			l := startPageLoop(b, fields)
			b.SetBytes(int64(l.length))
			b.ReportAllocs()
			for b.Loop() {
				l.once(b)
			}
		})
	}
}
