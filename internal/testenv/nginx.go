package testenv

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
)

// Nginx is a real nginx, master and worker, of a test's own.
type Nginx struct {
	// Address is the host:port that it listens on.
	Address string
	// Dir holds its configuration, site.conf in it being what the test wrote, and
	// the folders of its temporary files.
	Dir string

	t      testing.TB
	cmd    *exec.Cmd
	exited chan struct{}
}

// nginxMain is nginx's whole configuration around a test's site.
const nginxMain = `daemon off;
%[2]s
worker_processes 1;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path %[1]s/tmp/client_body 1;
    proxy_temp_path %[1]s/tmp/proxy 1;
    fastcgi_temp_path %[1]s/tmp/fastcgi;
    uwsgi_temp_path %[1]s/tmp/uwsgi;
    scgi_temp_path %[1]s/tmp/scgi;
    include %[1]s/site.conf;
}
`

// nginxStream is the configuration of an nginx that carries bytes, and knows no HTTP.
const nginxStream = `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
%[2]s
worker_processes 1;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 256; }
stream { include %[1]s/site.conf; }
`

// StartNginxStream is StartNginx, of a stream block.
func StartNginxStream(t testing.TB, site func(address string) string) *Nginx {
	t.Helper()
	return startNginx(t, nginxStream, site)
}

// StartNginx starts an nginx whose http block holds site(address); that has to listen
// there. It ends with the test.
func StartNginx(t testing.TB, site func(address string) string) *Nginx {
	t.Helper()
	return startNginx(t, nginxMain, site)
}

func startNginx(t testing.TB, main string, site func(address string) string) *Nginx {
	t.Helper()
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	user := ""
	if os.Geteuid() == 0 { // the worker owns the folders, and reads certificates
		user = "user root;"
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "tmp"), 0o755),
		os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, main, dir, user), 0o644)); err != nil {
		t.Fatal(err)
	}
	address, err := child.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	n := &Nginx{Address: address, Dir: dir, t: t, exited: make(chan struct{})}
	n.Write(site(address))
	n.cmd = exec.Command(nginxProgram(), n.arguments()...)
	// SIGTERM: a master that is killed leaves its workers behind.
	if err := child.Start(n.cmd, syscall.SIGTERM, n.exited); err != nil {
		t.Fatalf("starting nginx (Debian's package nginx): %v", err)
	}
	t.Cleanup(n.stop)
	n.await(func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return n
}

func nginxProgram() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx"
}

func (n *Nginx) arguments(more ...string) []string {
	return append([]string{"-e", filepath.Join(n.Dir, "error.log"), "-c", filepath.Join(n.Dir, "nginx.conf")}, more...)
}

// Write replaces the site's configuration; Reload makes it count.
func (n *Nginx) Write(site string) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.Dir, "site.conf"), []byte(site), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

// Check returns what `nginx -t` says of the configuration, and whether it accepts it.
func (n *Nginx) Check() (string, error) {
	output, err := exec.Command(nginxProgram(), n.arguments("-t")...).CombinedOutput()
	return string(output), err
}

// Reload makes a changed configuration count, and returns once no worker with the old
// one accepts connections. Requests that those have in hand go on.
func (n *Nginx) Reload() error {
	before := n.workers()
	output, err := exec.Command(nginxProgram(), n.arguments("-s", "reload")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("nginx -s reload: %w: %s", err, output)
	}
	n.await(func() bool {
		return !slices.ContainsFunc(before, func(pid string) bool {
			title, err := os.ReadFile("/proc/" + pid + "/cmdline")
			return err == nil && len(title) > 0 && !strings.Contains(string(title), "shutting down")
		})
	})
	return nil
}

// workers returns the process ids of nginx's workers.
func (n *Nginx) workers() []string {
	master := strconv.Itoa(n.cmd.Process.Pid)
	children, _ := os.ReadFile("/proc/" + master + "/task/" + master + "/children")
	return strings.Fields(string(children))
}

// Log returns what nginx has complained of.
func (n *Nginx) Log() string {
	text, _ := os.ReadFile(filepath.Join(n.Dir, "error.log"))
	return string(text)
}

// Spooled returns what shows that nginx has put bodies on disk: it unlinks such a file
// as soon as it has made it, but leaves the folder that the file was in (level 1 above).
func (n *Nginx) Spooled() (traces []string) {
	tmp := filepath.Join(n.Dir, "tmp")
	_ = filepath.WalkDir(tmp, func(path string, _ os.DirEntry, err error) error {
		if below, _ := filepath.Rel(tmp, path); err == nil && strings.Contains(below, "/") {
			traces = append(traces, below)
		}
		return nil
	})
	return traces
}

func (n *Nginx) await(up func() bool) {
	n.t.Helper()
	again, late := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for !up() {
		select {
		case <-again.C:
		case <-n.exited:
			n.t.Fatalf("nginx ended: %s", strings.TrimSpace(n.Log()))
		case <-late:
			n.t.Fatalf("nginx does not listen: %s", strings.TrimSpace(n.Log()))
		}
	}
}

func (n *Nginx) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(20 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.exited
	}
}
