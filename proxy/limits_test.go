package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// from asks as a client of a trusted proxy's.
func from(client, target string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: s\r\nX-Forwarded-For: %s\r\nConnection: close\r\n\r\n", target, client)
}

// A client has so many requests of any kind, whatever it claims to be, and is told when to
// come back; others have theirs.
func TestRequestsAreLimited(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		uncached(cfg, deps)
		cfg.Limits.Requests = "3/h"
	})
	for i := range 5 {
		raw := p.Exchange(from(fmt.Sprintf("10.%d.0.1, 203.0.113.7", i), "/x"))
		want := map[bool]string{true: "200", false: "429"}[i < 3]
		if !strings.HasPrefix(raw, "HTTP/1.1 "+want) {
			t.Errorf("request %d: %q", i, raw)
		}
		if want == "429" && (wiretest.Fields(raw, "Retry-After")[0] != "1200" || wiretest.Fields(raw, "Cache-Control")[0] != "no-store") {
			t.Errorf("%q", raw)
		}
	}
	if raw := p.Exchange(from("203.0.113.8", "/x")); !strings.HasPrefix(raw, "HTTP/1.1 200") {
		t.Errorf("another client got %q", raw)
	}
	if got := count(p.metrics.limits.requests); got != 2 || len(a.Seen()) != 4 {
		t.Errorf("%d were refused, %d reached the app", got, len(a.Seen()))
	}
}

// Cold thumbnails are limited apart: warm ones and pages are not.
func TestRendersAreLimited(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	renderer := &scriptedRenderer{made: Thumbnail{URL: "/media/x.jpg"}}
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Limits.Renders = "2/h"
		deps.Resolver = scripted()
		deps.Renderer = renderer
	})
	for i, want := range []string{"302", "302", "429"} {
		if raw := p.Exchange(from("203.0.113.7", "/api/v2/captures/thumbnails/2/")); !strings.HasPrefix(raw, "HTTP/1.1 "+want) {
			t.Errorf("cold %d: %q", i, raw)
		}
	}
	for target, want := range map[string]string{"/api/v2/captures/thumbnails/1/": "302", "/x": "200"} {
		if raw := p.Exchange(from("203.0.113.7", target)); !strings.HasPrefix(raw, "HTTP/1.1 "+want) {
			t.Errorf("%s: %q", target, raw)
		}
	}
	if raw := p.Exchange(from("2001:db8::1", "/api/v2/captures/thumbnails/2/")); !strings.HasPrefix(raw, "HTTP/1.1 302") {
		t.Errorf("another client got %q", raw)
	}
}

// While the app is down people get the page, programs and the API's paths JSON, with the
// same status.
func TestErrorPage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "down.html")
	if err := os.WriteFile(file, []byte("<h1>Back soon</h1>"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, nobody, func(cfg *Config, _ *Deps) { cfg.Server.ErrorPage = file })
	const browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
	for _, c := range []struct{ target, accept, want string }{
		{"/", browser, "html"}, {"/projects/1/?x", browser, "html"}, {"/apiary", browser, "html"},
		{"/", "", "json"}, {"/", "Accept: */*\r\n", "json"}, {"/app.js", "Accept: */*\r\n", "json"},
		{"/api/v2/captures/", browser, "json"}, {"/api/", browser, "json"}, {"/%61pi/v2/", browser, "json"},
	} {
		raw := p.Exchange("GET " + c.target + " HTTP/1.1\r\nHost: s\r\n" + c.accept + "\r\n")
		kind := wiretest.Fields(raw, "Content-Type")
		want := map[string]string{"html": "text/html; charset=utf-8", "json": "application/json"}[c.want]
		if !strings.HasPrefix(raw, "HTTP/1.1 502 ") || len(kind) != 1 || kind[0] != want || wiretest.Fields(raw, "Cache-Control")[0] != "no-store" ||
			strings.Contains(raw, "Back soon") != (c.want == "html") {
			t.Errorf("%s, %q: %q", c.target, c.accept, raw)
		}
	}
	cfg := Defaults()
	cfg.Upstream.URL, cfg.Specs = "http://127.0.0.1:1", thumb.Specs{{Label: "small", Width: 240}}
	cfg.Server.ErrorPage = file + "x"
	if _, err := New(cfg, Deps{}); err == nil || !strings.HasPrefix(err.Error(), "server.error_page: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}
