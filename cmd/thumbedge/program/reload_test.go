package program_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// TestReloadIsHeeded: what a reload changes holds for the next request, also on a
// connection that was there before.
func TestReloadIsHeeded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	html := filepath.Join(t.TempDir(), "down.html")
	if err := os.WriteFile(html, []byte("<h1>Back soon</h1>"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.captures(1)
	look := func() *http.Response {
		response, _ := s.get(s.url+"/api/v2/captures/?limit=1", "X-Forwarded-Proto", "https")
		return response
	}
	if got := look().Header.Get("X-Added"); got != "" {
		t.Fatalf("X-Added is %q from the start", got)
	}
	must := func(edit func(*config.File)) {
		t.Helper()
		if err := s.reload(edit); err != nil {
			t.Fatal(err)
		}
	}
	must(func(f *config.File) {
		f.Headers.Add = map[string]string{"X-Added": "1"}
		f.Server.DebugHeaders = false
		f.Log.Level, f.Log.Access = "debug", true
		f.Server.ErrorPage = html
	})
	if h := look().Header; h.Get("X-Added") != "1" || h.Get("Cache-Status") != "" {
		t.Errorf("after the reload: %v", h)
	}
	if s.level.Level() != slog.LevelDebug {
		t.Error("the log's level is", s.level.Level())
	}
	s.eventually("requests are logged", func() bool { return s.log.count("msg=request") > 0 })

	trusts := func() bool { // the app names route URLs by what it was told of the site
		_, body := s.get(s.url+"/api/v2/captures/?limit=1", "X-Forwarded-Proto", "https")
		return strings.Contains(string(body), `"https://`)
	}
	if !trusts() {
		t.Error("this machine is trusted, and what it says of the site does not reach the app")
	}
	must(func(f *config.File) { f.Server.TrustedProxies = []string{"192.0.2.0/24"} })
	if trusts() {
		t.Error("who is trusted no more is believed, on a connection that was there before")
	}

	must(func(f *config.File) { f.Responses.MaxSize = 32 << 20 })
	if _, state := s.get("http://" + s.program.AdminAddr() + "/cache"); !strings.Contains(string(state), `"max_size": 33554432`) {
		t.Errorf("the response cache has another size: %s", state)
	}

	must(func(f *config.File) { f.Limits.Requests = "2/h" })
	for i, want := range []int{200, 200, 429} {
		if got := look().StatusCode; got != want {
			t.Errorf("request %d of two in an hour: %d, want %d", i+1, got, want)
		}
	}
	must(func(f *config.File) { f.Limits.Requests = "3/h" }) // its bucket stays empty
	if got := look().StatusCode; got != 429 {
		t.Errorf("another rate filled the bucket: %d", got)
	}
	must(func(f *config.File) { f.Limits.Requests = "" })
	if got := look().StatusCode; got != 200 {
		t.Errorf("without a limit: %d", got)
	}
	if got := s.metric("thumbedge_config_generation"); got != 7 {
		t.Errorf("generation %v after six reloads", got)
	}
}

// TestReloadIsAllOrNothing: a file that is wrong, or changes what needs a restart, changes
// nothing else either, and everybody who asks is told why.
func TestReloadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ready := func() string {
		_, body := s.get("http://" + s.program.AdminAddr() + "/readyz")
		return string(body)
	}
	added := func() string {
		response, _ := s.get(s.url + "/api/v2/captures/")
		return response.Header.Get("X-Added")
	}
	add := func(f *config.File, value string) { f.Headers.Add = map[string]string{"X-Added": value} }
	if err := s.reload(func(f *config.File) { add(f, "good") }); err != nil {
		t.Fatal(err)
	}
	for want, edit := range map[string]func(*config.File){
		"server.listen: needs a restart":     func(f *config.File) { f.Server.Listen = "127.0.0.1:1" },
		"database.url: needs a restart":      func(f *config.File) { f.Database.URL = "postgres://other/db" },
		"storage.root: needs a restart":      func(f *config.File) { f.Storage.Root = "/elsewhere" },
		"upstream.url: needs a restart":      func(f *config.File) { f.Upstream.URL = "http://127.0.0.1:1" },
		"server.error_page: ":                func(f *config.File) { f.Server.ErrorPage = "/nowhere/at/all" },
		"server.max_header: must be":         func(f *config.File) { f.Server.MaxHeader = 1 },
		"limits.requests: must be":           func(f *config.File) { f.Limits.Requests = "often" },
		"signing.keys: key 1 has 3 bytes":    func(f *config.File) { f.Signing.Keys = []string{"abc"} },
		"upstream.spool: needs a restart":    func(f *config.File) { f.Upstream.Spool = false },
		"server.public_url: needs a restart": func(f *config.File) { f.Server.PublicURL = "https://other.example" },
	} {
		err := s.reload(func(f *config.File) {
			add(f, "bad")
			f.Log.Level = "debug"
			f.Limits.Renders = "1/h"
			edit(f)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
		if got := added(); got != "good" {
			t.Errorf("%s: X-Added is %q", want, got)
		}
		if s.level.Level() != slog.LevelInfo {
			t.Errorf("%s: the log's level is %v", want, s.level.Level())
		}
		if body := ready(); !strings.Contains(body, want) || !strings.Contains(body, "generation 2 stays in force") {
			t.Errorf("/readyz: %s", body)
		}
	}
	if err := s.reloadFrom(func() (*config.File, error) { return nil, errors.New("thumbedge.toml:3: cache: nonsense") }); err == nil {
		t.Error("a file that cannot be read is taken")
	}
	if s.metric("thumbedge_config_last_reload_successful") != 0 || s.metric("thumbedge_config_generation") != 2 {
		t.Error("the metrics do not show it")
	}
	if n := s.log.count("configuration not reloaded"); n != 11 {
		t.Errorf("the log says so %d times of 11", n)
	}
	if err := s.reload(func(*config.File) {}); err != nil || strings.Contains(ready(), "stays in force") {
		t.Errorf("%v, %s", err, ready())
	}
}

// TestKeysRotateByReload: what was signed before works as long as its key is there.
func TestKeysRotateByReload(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	id := s.capture()
	rotate := func(keys ...string) {
		t.Helper()
		if err := s.reload(func(f *config.File) { f.Signing.Keys = keys }); err != nil {
			t.Fatal(err)
		}
	}
	shown := func() string { return s.signedLabels(owner)[id]["small"] }
	works := func(url string) bool {
		response, _ := s.get(s.url + url)
		return response.StatusCode == http.StatusOK
	}
	before := shown()
	rotate(firstKey, secondKey)
	if got := shown(); got != before {
		t.Errorf("a key that does not sign yet changed %s into %s", before, got)
	}
	rotate(secondKey, firstKey)
	after := shown()
	if after == before || !works(before) || !works(after) {
		t.Errorf("after the rotation %s: %t, %s: %t", before, works(before), after, works(after))
	}
	rotate(secondKey)
	if works(before) || !works(after) {
		t.Errorf("without the old key %s: %t, %s: %t", before, works(before), after, works(after))
	}
	rotate()
	if url := s.signedLabels(owner)[id]["small"]; url != "" || works(after) {
		t.Errorf("without keys %q is shown, and %s works", url, after)
	}
	rotate(secondKey)
	if !works(after) || shown() != after {
		t.Error("signing does not come back")
	}
}

// TestChangesAreTold: what a reload would change, with no secret in it.
func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	next := *s.program.File()
	next.Log.Level, next.Server.Listen = "warn", "127.0.0.1:1"
	next.Signing.Keys = []string{secondKey}
	next.Database.URL = "postgres://thumbedge:topsecret@db/antenna"
	next.Headers.Add = map[string]string{"X-Secret": "topsecret"}
	s.changed = func() (*config.File, error) { return &next, nil }
	_, body := s.get("http://" + s.program.AdminAddr() + "/config/changes")
	var told admin.Changes
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, change := range told.Changes {
		lines = append(lines, change.String())
	}
	if diff := cmp.Diff([]string{
		"server.listen: 127.0.0.1:0 -> 127.0.0.1:1 (restart)",
		"database.url: " + told.Changes[1].Old + " -> postgres://thumbedge:(hidden)@db/antenna (restart)",
		`headers.add: "" -> X-Secret (reload)`,
		"signing.keys: changed (reload)",
		"log.level: info -> warn (reload)",
	}, lines); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(told.Error, "server.listen: needs a restart") || !strings.Contains(told.Error, "database.url: needs a restart") {
		t.Errorf("error %q", told.Error)
	}
	_, all := s.get("http://" + s.program.AdminAddr() + "/config")
	for _, secret := range []string{"topsecret", firstKey, secondKey} {
		if strings.Contains(string(body)+string(all), secret) {
			t.Errorf("%q is told", secret)
		}
	}
	if s.program.File().Log.Level != "info" {
		t.Error("asking changed something")
	}
}
