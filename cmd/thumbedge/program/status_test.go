package program_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestStatusPage opens the page of a proxy that has been at work, resizes the warm
// set from it, and leaves pictures of it.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, with(func(f *config.File) { f.Server.AdminToken = "hunter2" }))
	ids := s.captures(12)
	for i, id := range ids {
		if i < 4 {
			s.row(id, "small", 240)
		}
		s.get(s.route(id, "?label=small"))
	}
	for range 20 {
		s.page(s.url, "limit=12")
	}
	s.get(s.url + "/nothing/here/")

	base := "http://" + s.program.AdminAddr()
	tab := testenv.Browser(t)
	tab.Open(base + "/")
	tab.Wait(`document.querySelectorAll("#parts li").length >= 6`)
	var shown struct {
		Ready, Parts, Config, Warm string
		Limits, Overflow           int
	}
	const read = `({
		ready: document.getElementById("ready").textContent,
		parts: document.getElementById("parts").innerText,
		config: document.getElementById("config").textContent,
		warm: document.getElementById("warm").innerText,
		limits: document.querySelectorAll("#limits meter").length,
		overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
	})`
	tab.Eval(read, &shown)
	if shown.Ready != "ready" || shown.Limits == 0 {
		t.Errorf("%+v", shown)
	}
	for _, part := range []string{"app", "database", "notifications", "schema", "storage", "engine"} {
		if !strings.Contains(shown.Parts, part) {
			t.Errorf("the parts lack %s: %s", part, shown.Parts)
		}
	}
	if !strings.Contains(shown.Config, "server.admin_token(hidden)") || strings.Contains(shown.Config, "hunter2") {
		t.Errorf("the configuration is not shown, or the token is: %s", shown.Config)
	}

	tab.Eval(`(document.getElementById("size").value = "96MiB", document.querySelector("#resize button").click(), true)`, new(any))
	tab.Wait(`document.getElementById("resized").textContent === "now 96 MiB"`)
	if size := s.program.WarmSet().State().MaxSize; size != 96<<20 {
		t.Errorf("the page resized the warm set to %d", size)
	}

	// A rate needs two samples; the page has the second one within 20 s.
	tab.Wait(`shown.history.times.length >= 2`)
	for _, picture := range []struct {
		name, scheme string
		width        int
	}{{"status_light", "light", 1280}, {"status_dark", "dark", 1280}, {"status_phone", "light", 390}} {
		keep(t, picture.name+".png", tab.Screenshot(picture.width, picture.scheme))
		if tab.Eval(read, &shown); shown.Overflow > 0 {
			t.Errorf("%s: the page is %d pixels wider than its window", picture.name, shown.Overflow)
		}
	}
	for _, r := range tab.Requests() {
		if !strings.HasPrefix(r.URL, base+"/") && !strings.HasPrefix(r.URL, "data:") || r.Status >= 400 {
			t.Errorf("the page asked for %s: %d", r.URL, r.Status)
		}
	}
}

// keep leaves a file among the artefacts of the test run.
func keep(t *testing.T, name string, contents []byte) {
	t.Helper()
	folder := filepath.Join("..", "..", "..", "artefacts")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), contents, 0o644); err != nil {
		t.Fatal(err)
	}
}
