package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// run calls thumbedge as from a shell.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := cli.Env{Version: "test", Stdout: &out, Stderr: &errs, LookupEnv: func(string) (string, bool) { return "", false }}
	status = cli.Main(context.Background(), env, args)
	return status, out.String(), errs.String()
}

func TestEveryCommandHelps(t *testing.T) {
	t.Parallel()
	status, all, _ := run(t, "--help")
	if status != 0 {
		t.Fatalf("thumbedge --help: status %d", status)
	}
	for _, name := range []string{"serve", "check", "migrate", "reconcile", "explain", "demo", "version"} {
		status, stdout, stderr := run(t, name, "--help")
		if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "Usage: thumbedge "+name) || strings.Contains(stdout, " \n") || !strings.Contains(all, "  "+name+" ") {
			t.Errorf("%s --help: status %d, %q, %q", name, status, stdout, stderr)
		}
	}
}

func TestWrongCallsSayHow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "Usage: thumbedge <command>"},
		{[]string{"sevre"}, `no command "sevre"`},
		{[]string{"serve"}, "give --config FILE"},
		{[]string{"serve", "--confg", "x"}, "-confg"},
		{[]string{"serve", "now"}, `"now" is not expected here`},
		{[]string{"explain", "--config", "x"}, "say a capture's id"},
		{[]string{"explain", "x", "--config", "x"}, `"x" is no capture's id`},
		{[]string{"explain", "1", "2", "--config", "x"}, `"2" is not expected here`},
		{[]string{"migrate", "--config", "x"}, "say one of up, down, status"},
		{[]string{"migrate", "sideways", "--config", "x"}, `"sideways" is not expected here`},
	} {
		if status, _, stderr := run(t, c.args...); status != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("thumbedge %v: status %d, %q; want 2 and %q", c.args, status, stderr, c.want)
		}
	}
}

func TestFiveMistakesGetFiveMessages(t *testing.T) {
	t.Parallel()
	path := write(t, `[server]
listen = 8080
max_conns = "many"
[upstream]
url = "http://127.0.0.1:8000"
[[thumbnails]]
label = "small"
width = 240
[render]
quality = 200
[database]
url = "postgres://127.0.0.1/antenna"
pagetimeout = "1s"
[storage]
driver = "filesystem"
root = "/srv/media"
[cache]
max_size = "big"
`)
	status, _, stderr := run(t, "check", "--config", path)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if status != 1 || len(lines) != 5 {
		t.Fatalf("status %d, %d messages:\n%s", status, len(lines), stderr)
	}
	for i, want := range []string{":2: server.listen: ", ":3: server.max_conns: ", ":10: render.quality: ", ":13: database.pagetimeout: ", ":18: cache.max_size: "} {
		if !strings.Contains(lines[i], path+want) {
			t.Errorf("message %d is %q, want it to name %q", i+1, lines[i], want)
		}
	}
}

// site writes a configuration of parts that work; each of broken replaces a line.
func site(t *testing.T, broken ...string) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"results":[]}`) }))
	t.Cleanup(app.Close)
	document := fmt.Sprintf(`[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[upstream]
url = %q
[[thumbnails]]
label = "small"
width = 240
[database]
url = %q
[storage]
driver = "filesystem"
root = %q
`, app.URL, testenv.Database(t), t.TempDir())
	lines := strings.Split(document, "\n")
	for _, line := range broken {
		key, _, _ := strings.Cut(line, " =")
		section, key, _ := strings.Cut(key, ".")
		in := ""
		for i := range lines {
			if strings.HasPrefix(lines[i], "[") {
				in = strings.Trim(lines[i], "[]")
			}
			if in == section && strings.HasPrefix(lines[i], key+" =") {
				lines[i] = strings.TrimPrefix(line, section+".")
			}
		}
	}
	return write(t, strings.Join(lines, "\n"))
}

func write(t *testing.T, document string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "thumbedge.toml")
	if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckOfAWorkingSite(t *testing.T) {
	t.Parallel()
	path := site(t)
	if status, out, stderr := run(t, "migrate", "up", "--config", path); status != 0 {
		t.Fatalf("migrate up: status %d, %s%s", status, out, stderr)
	}
	if status, out, _ := run(t, "migrate", "up", "--config", path); status != 0 || !strings.Contains(out, "nothing to do") {
		t.Errorf("migrate up again: status %d, %q", status, out)
	}
	status, out, stderr := run(t, "check", "--config", path)
	for _, part := range []string{"configuration", "app", "database", "tables", "triggers", "storage", "listener"} {
		if status != 0 || !strings.Contains(out, fmt.Sprintf("ok        %-14s ", part)) {
			t.Errorf("status %d, %s is not ok:\n%s%s", status, part, out, stderr)
		}
	}
	if status, out, _ := run(t, "migrate", "--config", path, "status"); status != 0 || strings.Contains(out, "not installed") {
		t.Errorf("migrate status: status %d\n%s", status, out)
	}
	if status, out, stderr := run(t, "migrate", "down", "--config", path); status != 0 {
		t.Errorf("migrate down: status %d, %s%s", status, out, stderr)
	}
	if status, out, _ := run(t, "migrate", "down", "--config", path); status != 0 || !strings.Contains(out, "nothing to do") {
		t.Errorf("migrate down again: status %d, %q", status, out)
	}
	if status, out, _ := run(t, "check", "--config", path); status != 0 || !strings.Contains(out, "degraded  triggers ") {
		t.Errorf("without the migrations: status %d\n%s", status, out)
	}
}

// TestCheckViaSaysWhatItFound: one line a part, and the exit status of a failure.
func TestCheckViaSaysWhatItFound(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"thumbnails":{"small":"http://elsewhere/api/v2/captures/thumbnails/1/?label=small"}}`)
	}))
	t.Cleanup(app.Close)
	path := site(t)
	status, out, stderr := run(t, "check", "--config", path, "--via", app.URL)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 1 || len(lines) != 6 || strings.Count(out, "FAILED") != 1 || !strings.HasPrefix(lines[3], "FAILED    host") {
		t.Errorf("status %d:\n%s%s", status, out, stderr)
	}
}

// TestCheckNamesWhatIsBroken: one line for each broken part, and no other.
func TestCheckNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	nobody := unused.Addr().String()
	_ = unused.Close()
	for part, line := range map[string]string{
		"app":      fmt.Sprintf("upstream.url = %q", "http://"+nobody),
		"database": fmt.Sprintf("database.url = %q", "postgres://postgres@"+nobody+"/x"),
		"storage":  `storage.root = "/nowhere/at/all"`,
		"listener": fmt.Sprintf("server.listen = %q", taken.Addr()),
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			status, out, stderr := run(t, "check", "--config", site(t, line))
			var failed []string
			for line := range strings.Lines(out) {
				if name, ok := strings.CutPrefix(line, "FAILED"); ok {
					failed = append(failed, strings.Fields(name)[0])
				}
			}
			if status != 1 || len(failed) != 1 || failed[0] != part || strings.Count(out, "connection refused") > 1 {
				t.Errorf("status %d, failed: %v\n%s%s", status, failed, out, stderr)
			}
		})
	}
}
