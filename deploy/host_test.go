package deploy_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// host is a machine as the runbook's reader has one, made of a folder: commands run
// in it as they stand in the runbook, with the paths below /etc and /usr/local leading
// into the folder and the ports leading to free ones. A systemctl of its own does
// what thumbedge.service says, with real processes; nginx is the real one.
type host struct {
	t         *testing.T
	root      string
	edits     *strings.Replacer
	env       []string
	nginx     *testenv.Nginx
	collector *testenv.Collector // that thumbedge may send spans to

	listen, admin string

	mu      sync.Mutex
	service *testenv.Process
}

// newHost returns a host of a site.
func newHost(t *testing.T, s *site) *host {
	t.Helper()
	h := &host{t: t, root: t.TempDir(), nginx: s.nginx, collector: testenv.StartCollector(t), listen: testenv.FreeAddress(t), admin: testenv.FreeAddress(t)}
	h.edits = strings.NewReplacer(
		"/etc/nginx/conf.d/thumbedge.conf", filepath.Join(s.nginx.Dir, "site.conf"),
		"/etc/", h.root+"/etc/",
		"/usr/local/", h.root+"/usr/local/",
		"127.0.0.1:8080", h.listen,
		"127.0.0.1:9090", h.admin,
		"127.0.0.1:8000", s.app,
		"https://antenna.example.org", s.url,
		"antenna.example.org", strings.TrimPrefix(s.url, "https://"),
	)
	bin := filepath.Join(h.root, "usr/local/bin")
	for _, dir := range []string{bin, filepath.Join(h.root, "etc/systemd/system"), filepath.Join(h.root, "checkout/bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The checkout in which the reader has built and edited.
	if err := os.Symlink(binary(t), filepath.Join(h.root, "checkout/bin/thumbedge")); err != nil {
		t.Fatal(err)
	}
	h.write("checkout/config.example.toml", read(t, "../config.example.toml"))
	h.write("checkout/deploy/systemd/thumbedge.service", read(t, "systemd/thumbedge.service"))
	h.write("checkout/deploy/nginx/thumbedge.conf", s.conf(h.listen))
	socket := h.serveSystemctl()
	h.script("systemctl", `exec curl -sS --fail-with-body --unix-socket `+socket+` -d "$*" http://systemd/`)
	h.script("journalctl", `exec curl -sS --fail-with-body --unix-socket `+socket+` -d "journalctl $*" http://systemd/`)
	h.script("nginx", `exec /usr/sbin/nginx -e `+s.nginx.Dir+`/error.log -c `+s.nginx.Dir+`/nginx.conf "$@"`)
	h.env = append(append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH")), s.env...)
	return h
}

// write makes a file below the host's root.
func (h *host) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) script(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.root, "usr/local/bin", name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// preamble is what the runbook's first block sets up in every shell.
const preamble = "export THUMBEDGE_CONFIG=/etc/thumbedge/thumbedge.toml\n" +
	"set -a; if [ -r /etc/thumbedge/secrets.env ]; then . /etc/thumbedge/secrets.env; fi; set +a\n"

// sh runs commands as a shell does, and returns what they print.
func (h *host) sh(commands string) (string, error) {
	cmd := exec.Command("bash", "-e", "-c", h.edits.Replace(preamble+commands))
	cmd.Dir, cmd.Env = filepath.Join(h.root, "checkout"), h.env
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// serveSystemctl answers the systemctl script at a Unix socket, and returns its path.
func (h *host) serveSystemctl() string {
	h.t.Helper()
	dir, err := os.MkdirTemp("", "sd") // short: it holds a socket
	if err != nil {
		h.t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		h.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		words, _ := io.ReadAll(r.Body)
		said, err := h.systemctl(string(words))
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			said = err.Error()
		}
		fmt.Fprintln(w, said)
	})}
	go func() { _ = server.Serve(listener) }() // until Close
	h.t.Cleanup(func() { _ = server.Close(); _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// systemctl does what systemd would, and says what systemctl and journalctl would.
func (h *host) systemctl(words string) (said string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch words {
	case "daemon-reload":
		return "", nil
	case "reload nginx":
		return "", h.nginx.Reload()
	case "enable --now thumbedge", "start thumbedge":
		return "", h.startService()
	case "stop thumbedge":
		return "", h.stopService()
	case "restart thumbedge":
		if err := h.stopService(); err != nil {
			return "", err
		}
		return "", h.startService()
	case "reload thumbedge":
		return h.reloadService()
	case "status thumbedge":
		if h.service == nil {
			return "", errors.New("inactive (dead)")
		}
		return "active (running)", nil
	case "journalctl -u thumbedge -n 50":
		return h.service.Log(), nil
	}
	return "", fmt.Errorf("systemctl %s: the tests' systemctl does not know this", words)
}

// settings returns what the unit says under a name, in order.
func (h *host) settings(name string) (values []string, err error) {
	unit, err := os.ReadFile(filepath.Join(h.root, "etc/systemd/system/thumbedge.service"))
	if err != nil {
		return nil, err
	}
	for _, found := range regexp.MustCompile(`(?m)^`+name+`=-?(.+)$`).FindAllStringSubmatch(string(unit), -1) {
		values = append(values, h.edits.Replace(found[1]))
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("the unit has no %s", name)
	}
	return values, nil
}

// environment is what the unit gives its programs.
func (h *host) environment() ([]string, error) {
	said, err := h.settings("Environment")
	if err != nil {
		return nil, err
	}
	files, err := h.settings("EnvironmentFile")
	if err != nil {
		return nil, err
	}
	secrets, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	return slices.Concat(h.env, said, strings.Fields(string(secrets))), nil
}

// startService runs ExecStart of the unit, with its Environment and EnvironmentFile.
func (h *host) startService() error {
	start, err := h.settings("ExecStart")
	if err != nil {
		return err
	}
	argv := strings.Fields(start[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	if cmd.Env, err = h.environment(); err != nil {
		return err
	}
	h.service = testenv.Start(h.t, cmd)
	return nil
}

// reloadService runs each ExecReload of the unit, until one fails.
func (h *host) reloadService() (said string, err error) {
	if h.service == nil {
		return "", errors.New("thumbedge.service is not active, cannot reload")
	}
	lines, err := h.settings("ExecReload")
	if err != nil {
		return "", err
	}
	environment, err := h.environment()
	if err != nil {
		return "", err
	}
	for _, line := range lines {
		cmd := exec.Command("bash", "-c", line)
		cmd.Env = append(environment, fmt.Sprint("MAINPID=", h.service.Process.Pid))
		if output, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", line, err, output)
		}
	}
	return "", nil
}

// stopService sends SIGTERM and waits as long as systemd would.
func (h *host) stopService() error {
	if h.service == nil {
		return nil
	}
	_ = h.service.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.service.Exited:
	case <-time.After(30 * time.Second): // TimeoutStopSec
		return fmt.Errorf("thumbedge did not stop: %s", h.service.Log())
	}
	if code := h.service.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("thumbedge ended with status %d: %s", code, h.service.Log())
	}
	h.service = nil
	return nil
}

// configure writes what the runbook's reader writes by hand: the configuration, and
// the secrets that it refers to.
func (h *host) configure(s *site, more ...string) {
	h.t.Helper()
	edits := s.configuration(s.url)
	for i := 0; i < len(more); i += 2 {
		edits[more[i]] = more[i+1]
	}
	h.write("etc/thumbedge/thumbedge.toml", h.edits.Replace(edited(h.t, "../config.example.toml", edits)))
	h.write("etc/thumbedge/secrets.env", "STORAGE_SECRET="+s.bucket.SecretKey+"\n")
}
