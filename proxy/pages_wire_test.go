package proxy

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// A rewritten page keeps the lines it had but for those that the rewriting makes
// wrong, and those that change stay in their place and spelling.
func TestHeaderLinesOfARewrittenPage(t *testing.T) {
	t.Parallel()
	body := thumbnailsOf(1)
	want := strings.NewReplacer(`"small":"`+route(1, "small"), `"small":"`+storageURL(1, "small"), `"medium":"`+route(1, "medium"), `"medium":"`+storageURL(1, "medium")).Replace(body)
	const tag = `W/"te-…-s-a"`
	digits := regexp.MustCompile(`W/"te-[0-9a-f]+-s-a"`)
	sent := strings.NewReplacer("Content-type: text/plain\r\n", "Content-type: application/json\r\n", "text/plain; ", "application/json; ",
		"CONTENT-LENGTH: 2", "CONTENT-LENGTH: "+itoa(len(body))).Replace(wiretest.ManyLines)
	p, _ := startPages(t, warmCaptures(), func(cfg *Config, _ *Deps) { cfg.Server.DebugHeaders = false }, func(string) string {
		return "HTTP/1.1 200 OK\r\nlast-modified: Mon, 23 Nov 2026 02:41:32 GMT\r\n" + sent + "ACCEPT-RANGES: bytes\r\nx-last: kept\r\ncontent-md5: x\r\n\r\n" + body
	})
	wanted := "HTTP/1.1 200 OK\r\n" + strings.NewReplacer(`etag: "a"`, "etag: "+tag, "CONTENT-LENGTH: "+itoa(len(body)), "CONTENT-LENGTH: "+itoa(len(want))).Replace(sent) + "x-last: kept\r\n\r\n"
	w := p.Dial()
	for range 2 {
		w.Send(wiretest.Get(pageTarget))
		head, err := wiretest.ReadHead(w.Br)
		if diff := cmp.Diff(wanted, digits.ReplaceAllString(head, tag)); diff != "" || err != nil {
			t.Fatalf("%v, (-want +got):\n%s", err, diff)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(w.Br, got); err != nil || string(got) != want {
			t.Fatalf("%v, body %s", err, got)
		}
	}
}

// A page is asked for with the client's lines as they are, but for those that would
// make the answer one that cannot be rewritten.
func TestPageRequestReachesAppAsSent(t *testing.T) {
	t.Parallel()
	p, a := startPages(t, warmCaptures(), nil, func(string) string { return jsonAnswer(thumbnailsOf(1)) })
	p.Exchange("GET /api/v2/captures/?a=%2F&&b HTTP/1.1\r\nHost: site.test\r\nCookie: a=b\r\nif-none-match: \"x\"\r\nX-CSRFToken: t\r\n" +
		"ACCEPT-ENCODING: br\r\nx-csrftoken: u\r\nIf-Modified-Since: x\r\nIf-Range: y\r\nAuthorization: Token abc\r\nX-Request-Id: 1\r\n\r\n")
	want := "GET /api/v2/captures/?a=%2F&&b HTTP/1.1\r\nHost: site.test\r\nCookie: a=b\r\nX-CSRFToken: t\r\nACCEPT-ENCODING: br\r\nx-csrftoken: u\r\nAuthorization: Token abc\r\n" +
		"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: site.test\r\nX-Request-Id: 1\r\n\r\n"
	if diff := cmp.Diff(want, regexp.MustCompile(`CDN-Loop: [^\r]*\r\n`).ReplaceAllString(a.Seen()[0], "")); diff != "" {
		t.Errorf("the app was sent (-want +got):\n%s", diff)
	}
}

func TestInterimAnswerBeforeAPage(t *testing.T) {
	t.Parallel()
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
	p, _ := startPages(t, warmCaptures(), nil, func(string) string { return hint + jsonAnswer(thumbnailsOf(1)) })
	w := p.Dial()
	for range 2 {
		if raw := w.Send(wiretest.Get(pageTarget)).Answer(); raw != hint {
			t.Fatalf("first %q", raw)
		}
		if raw := w.Answer(); !strings.Contains(raw, storageURL(1, "small")) {
			t.Fatalf("then %q", raw)
		}
	}
}
