package program_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestCheckDiff: check --diff says what a reload of the process that serves would change,
// and fails where it would fail.
func TestCheckDiff(t *testing.T) {
	t.Parallel()
	s := newSite(t, unstarted, with(func(f *config.File) { f.Server.Admin.Listen = testenv.FreeAddress(t) }))
	r := s.serveRelabelled()
	diff := func() (status int, said string) {
		var out bytes.Buffer
		env := cli.Env{Stdout: &out, Stderr: &out, LookupEnv: os.LookupEnv}
		status = cli.Main(context.Background(), env, []string{"check", "--diff", "--config", r.path})
		return status, out.String()
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
