package program_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// diffOf is what check --diff says of a file.
func diffOf(path string) (status int, said string) {
	var out bytes.Buffer
	env := cli.Env{Stdout: &out, Stderr: &out, LookupEnv: os.LookupEnv}
	status = cli.Main(context.Background(), env, []string{"check", "--diff", "--config", path})
	return status, out.String()
}

// TestCheckDiff: check --diff says what a reload of the process that serves would change,
// and fails where it would fail.
func TestCheckDiff(t *testing.T) {
	t.Parallel()
	s := newSite(t, unstarted, with(func(f *config.File) { f.Server.Admin.Listen = testenv.FreeAddress(t) }))
	r := s.serveRelabelled()
	wantsToken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(wantsToken.Close)
	diff := func() (status int, said string) { return diffOf(r.path) }
	for says, other := range map[string]func(*config.File){
		"nothing listens at server.admin_listen 127.0.0.1:": func(f *config.File) { f.Server.Admin.Listen = testenv.FreeAddress(t) },
		"server.admin_token of this file is not the one":    func(f *config.File) { f.Server.Admin.Listen = wantsToken.Listener.Addr().String() },
	} {
		file, path := r.file, filepath.Join(t.TempDir(), "thumbedge.toml")
		other(&file)
		r.writeFile(path, &file)
		if status, said := diffOf(path); status != 1 || !strings.Contains(said, says) {
			t.Errorf("%d, no %q in: %s", status, says, said)
		}
	}
	edit := func(change func(*config.File)) {
		change(&r.file)
		r.writeFile(r.path, &r.file)
	}
	if status, said := diff(); status != 0 || said != "no key has another value\n" {
		t.Errorf("of the same file: %d, %s", status, said)
	}
	edit(func(f *config.File) { f.Thumbnails, f.Cache.TTL = orders[2], 2*f.Cache.TTL })
	status, said := diff()
	for _, want := range []string{"thumbnails[0].label: small -> medium (reload)\n", "thumbnails[2]: { label = large, ", " -> none (reload)\n", "cache.ttl: 1h0m0s -> 2h0m0s (reload)\n"} {
		if status != 0 || !strings.Contains(said, want) {
			t.Errorf("%d, no %q in:\n%s", status, want, said)
		}
	}
	r.reload(func(*config.File) {})
	if status, said := diff(); status != 0 || said != "no key has another value\n" {
		t.Errorf("after the reload: %d, %s", status, said)
	}
	edit(func(f *config.File) { f.Upstream.MaxConns = 7 })
	if status, said := diff(); status != 1 || !strings.Contains(said, "upstream.max_conns: 512 -> 7 (restart)\n") || !strings.Contains(said, "upstream.max_conns: needs a restart to change") {
		t.Errorf("of a restart: %d, %s", status, said)
	}
}

// TestSizeSetByHand: a reload leaves the warm set the size that was set while serving, and
// says so, unless its key has another value in the file.
func TestSizeSetByHand(t *testing.T) {
	t.Parallel()
	s := newSite(t, unstarted, with(func(f *config.File) { f.Server.Admin.Listen = testenv.FreeAddress(t) }))
	r := s.serveRelabelled()
	admin := "http://" + s.file.Server.Admin.Listen
	has := func(when string, want int64) {
		t.Helper()
		if got := r.metric("thumbedge_warmset_max_bytes"); got != want {
			t.Errorf("%s the size is %d, want %d", when, got, want)
		}
		if _, told := r.get(admin + "/config"); !strings.Contains(string(told), fmt.Sprintf(`"value": "%dMiB"`, want>>20)) {
			t.Errorf("%s /config does not tell of %d: %s", when, want, told)
		}
	}
	if response, body := r.do(http.MethodPut, admin+"/cache", strings.NewReader(`{"max_size": "24MiB"}`)); response.StatusCode != http.StatusOK {
		t.Fatalf("resizing is %s: %s", response.Status, body)
	}
	const kept = "cache.max_size: stays 24MiB, which was set by hand; the file says 64MiB"
	if status, said := diffOf(r.path); status != 0 || said != kept+"\n" {
		t.Errorf("by hand, diff says: %d, %s", status, said)
	}
	has("by hand", 24<<20)
	r.reload(func(f *config.File) { f.Log.Access = !f.Log.Access })
	has("after a reload", 24<<20)
	s.eventually("the log says so", func() bool { return s.log.count(kept) == 1 })
	r.reload(func(f *config.File) { f.Thumbnails = orders[1] })
	has("after one with other labels", 24<<20)

	r.file.Cache.MaxSize = 40 << 20
	r.writeFile(r.path, &r.file)
	if status, said := diffOf(r.path); status != 0 || said != "cache.max_size: 24MiB -> 40MiB (reload)\n" {
		t.Errorf("of another value, diff says: %d, %s", status, said)
	}
	r.reload(func(*config.File) {})
	has("after one with another size", 40<<20)
	r.reload(func(f *config.File) { f.Cache.MaxSize, f.Thumbnails = 16<<20, orders[0] })
	has("after one with another size and other labels", 16<<20)
	if status, said := diffOf(r.path); status != 0 || said != "no key has another value\n" {
		t.Errorf("at the end, diff says: %d, %s", status, said)
	}
}
