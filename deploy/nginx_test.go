package deploy_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeNginx writes nginx's whole configuration with thumbedge.conf in it, on a Unix
// socket rather than port 80, and returns its path.
func writeNginx(t *testing.T, dir, upstream string) string {
	t.Helper()
	site := read(t, "nginx/thumbedge.conf")
	for _, edit := range [][2]string{
		{"listen 80;", "listen unix:" + filepath.Join(dir, "http") + ";"},
		{"server 127.0.0.1:8080;", "server " + upstream + ";"},
	} {
		if strings.Count(site, edit[0]) != 1 {
			t.Fatalf("thumbedge.conf has not exactly one %q", edit[0])
		}
		site = strings.Replace(site, edit[0], edit[1], 1)
	}
	paths := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += kind + "_temp_path " + filepath.Join(dir, kind) + ";\n"
	}
	path := filepath.Join(dir, "nginx.conf")
	whole := "pid " + filepath.Join(dir, "pid") + ";\nerror_log stderr;\ndaemon off;\nmaster_process off;\nevents {}\nhttp {\naccess_log off;\n" +
		paths + site + "}\n"
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNginxAccepts lets nginx judge thumbedge.conf.
func TestNginxAccepts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	path := writeNginx(t, t.TempDir(), "127.0.0.1:8080")
	output, err := exec.CommandContext(ctx, "/usr/sbin/nginx", "-t", "-e", "stderr", "-c", path).CombinedOutput()
	if err != nil || bytes.Contains(output, []byte("[warn]")) {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestNginxForwards runs the real nginx before a server that says what reached it.
func TestNginxForwards(t *testing.T) {
	t.Parallel()
	seen := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s host=%s for=%s proto=%s fhost=%s connection=%s upgrade=%s",
			r.Proto, r.Host, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"),
			r.Header.Get("X-Forwarded-Host"), r.Header.Get("Connection"), r.Header.Get("Upgrade"))
	}))
	t.Cleanup(seen.Close)
	dir, err := os.MkdirTemp("", "nginx") // short: it holds a Unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var log bytes.Buffer
	nginx := exec.Command("/usr/sbin/nginx", "-e", "stderr", "-c", writeNginx(t, dir, seen.Listener.Addr().String()))
	nginx.Stderr = &log
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = nginx.Wait(); close(exited) }()
	t.Cleanup(func() { _ = nginx.Process.Kill(); <-exited })
	for name, c := range map[string]struct{ header, want string }{
		"plain":      {"", "HTTP/1.1 host=site.example for=unix: proto=http fhost=site.example connection= upgrade="},
		"web socket": {"Connection: Upgrade\r\nUpgrade: websocket\r\n", "HTTP/1.1 host=site.example for=unix: proto=http fhost=site.example connection=upgrade upgrade=websocket"},
	} {
		conn := dial(t, filepath.Join(dir, "http"), exited, &log)
		_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: site.example\r\n%s\r\n", c.header)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(response.Body)
		_ = conn.Close()
		if body.String() != c.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", name, response.Status, body.String(), c.want)
		}
	}
}

// dial connects to nginx as soon as it listens.
func dial(t *testing.T, socket string, exited <-chan struct{}, log *bytes.Buffer) net.Conn {
	t.Helper()
	again, late := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			return conn
		}
		select {
		case <-again.C:
		case <-exited:
			t.Fatalf("nginx ended: %s", log)
		case <-late:
			t.Fatal(err)
		}
	}
}
