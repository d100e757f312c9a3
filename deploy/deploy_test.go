// Package deploy_test holds what deploy/ says to what runs: every command of the
// runbook, the services of compose.yaml and nginx's site, started as processes; the
// keys of the configuration, the parts of /readyz, the manifests' arithmetic.
package deploy_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKeysExist: every `table.key` that deploy/ speaks of is in the configuration.
func TestKeysExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	table := ""
	for line := range strings.Lines(read(t, "../config.example.toml")) {
		if m := regexp.MustCompile(`^\[+([a-z.]+)\]`).FindStringSubmatch(line); m != nil {
			table = m[1]
			known[table] = true
		} else if m := regexp.MustCompile(`^(?:# )?([a-z_]+) += `).FindStringSubmatch(line); m != nil {
			known[table+"."+m[1]] = true
		}
	}
	key := regexp.MustCompile(`\b(?:server|upstream|rewrite|render|source|database|storage|cache|reconcile|signing|responses|limits|log)(?:\.[a-z_]+)+\b`)
	for _, path := range []string{"RUNBOOK.md", "CDN.md", "Dockerfile", "nginx/thumbedge.conf", "systemd/thumbedge.service"} {
		found := key.FindAllString(read(t, path), -1)
		if len(found) == 0 {
			t.Errorf("%s: no key found", path)
		}
		for _, k := range found {
			if !known[k] {
				t.Errorf("%s speaks of %s, which is not in config.example.toml", path, k)
			}
		}
	}
}

// start runs a thumbedge before an app, with no database behind it.
func start(t *testing.T, app string, upstream ...string) *program.Program {
	t.Helper()
	file, err := config.Parse("test.toml", []byte(`
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[upstream]
url = "http://`+app+`"
`+strings.Join(upstream, "\n")+`
[database]
url = "postgres://nobody@127.0.0.1:1/none"
[storage]
driver = "filesystem"
root = "`+t.TempDir()+`"
[[thumbnails]]
label = "small"
width = 240
`), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, file)
}

// run runs a thumbedge until the test ends.
func run(t *testing.T, file *config.File) *program.Program {
	t.Helper()
	p, err := program.Start(file, program.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

// nobody is an address that nothing listens on.
const nobody = "127.0.0.1:1"

// TestRunbookParts: the runbook has a row for each part that /readyz shows.
func TestRunbookParts(t *testing.T) {
	t.Parallel()
	response, err := http.Get("http://" + start(t, nobody).AdminAddr() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var ready admin.Readiness
	if err := json.NewDecoder(response.Body).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusServiceUnavailable || len(ready.Parts) == 0 {
		t.Errorf("without an app: %s, %d parts", response.Status, len(ready.Parts))
	}
	runbook := read(t, "RUNBOOK.md")
	for _, part := range ready.Parts {
		if !strings.Contains(runbook, "\n| `"+part.Name+"` |") {
			t.Errorf("RUNBOOK.md has no row for the part %q", part.Name)
		}
	}
}

// TestRunbookMetrics: METRICS.md, which another test compares with a running thumbedge,
// has each metric of the runbook.
func TestRunbookMetrics(t *testing.T) {
	t.Parallel()
	metrics := read(t, "METRICS.md")
	runbook := regexp.MustCompile("(?s)```sql.*?```").ReplaceAllString(read(t, "RUNBOOK.md"), "") // names triggers
	names := append(regexp.MustCompile(`thumbedge_[a-z_]+`).FindAllString(runbook, -1), "thumbedge_pages_total", "thumbedge_page_labels_total")
	for _, name := range names {
		if name = strings.TrimRight(name, "_"); !strings.Contains(metrics, "| `"+name) {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// TestHealthCheck runs the Dockerfile's health check against a thumbedge, and
// against nothing.
func TestHealthCheck(t *testing.T) {
	t.Parallel()
	command := healthCheck(t)
	check := func(address string) error {
		_, port, _ := net.SplitHostPort(address)
		args := append([]string(nil), command...)
		for i := range args {
			args[i] = strings.Replace(args[i], "/9090", "/"+port, 1)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return exec.CommandContext(ctx, args[0], args[1:]...).Run()
	}
	if err := check(start(t, nobody).AdminAddr()); err != nil {
		t.Errorf("alive, but the health check says %v", err)
	}
	if check(nobody) == nil {
		t.Error("nothing listens, but the health check passes")
	}
}
