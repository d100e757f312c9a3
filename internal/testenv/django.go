package testenv

import (
	"bufio"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
	"github.com/thumbedge/thumbedge/internal/eventually"
)

// Workers is a kind of gunicorn worker.
type Workers string

// The kinds that Django sites run. Antenna's is ASGI.
const (
	SyncWorkers   Workers = "sync"                          // WSGI, a request at a time
	ThreadWorkers Workers = "gthread"                       // WSGI, with connections that are kept
	ASGIWorkers   Workers = "uvicorn.workers.UvicornWorker" // config.asgi
)

// AllWorkers are the kinds of workers.
var AllWorkers = []Workers{SyncWorkers, ThreadWorkers, ASGIWorkers}

// DjangoConfig says how gunicorn runs the Django project of folder django.
type DjangoConfig struct {
	Workers   Workers
	Processes int      // 0: one
	Threads   int      // of a ThreadWorkers process; 0: one
	Args      []string // further ones of gunicorn's command line
}

// DjangoApp is the real Django under the real gunicorn. Its pages:
//
//	/download/<n>/[?length=no]  n bytes, the numbers from 0 to 255 over and over
//	/events/<pipe>/             each line of a Pipe, as "data: <line>\n\n", as soon as it is there
//	/poll/<pipe>/               the first line of a Pipe
//	/early/<status>/            that status, the body unread
//	/die/[?read=1][?after=n]    the worker ends: at once, after n bytes of a body of 1000000, after the body was read
//	/api/v2/captures/gallery/<id>/  a list of that capture, gzipped and conditional: its tag is "v1"
//	anything else               an Arrival
type DjangoApp struct {
	Address string // host:port
	Dir     string

	t      testing.TB
	cmd    *exec.Cmd
	exited chan struct{}
}

// Arrival is what Django saw of a request.
type Arrival struct {
	Method        string            `json:"method"`
	Path          string            `json:"path"`
	PathInfo      string            `json:"path_info"`
	ScriptName    string            `json:"script_name"`
	Query         string            `json:"query"`
	Scheme        string            `json:"scheme"`
	Host          string            `json:"host"`
	Route         string            `json:"route"` // "thumbnail" where the path is that of the thumbnail route
	ContentLength string            `json:"content_length"`
	Length        int64             `json:"length"` // of the body, as read
	SHA256        string            `json:"sha256"`
	Headers       map[string]string `json:"headers"`
	PID           int               `json:"pid"`
}

//go:embed django
var djangoProject embed.FS

// Django starts the app on 127.0.0.1; it ends with the test.
func Django(t testing.TB, cfg DjangoConfig) *DjangoApp {
	t.Helper()
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	project, err := fs.Sub(djangoProject, "django")
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "project"), project)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := &DjangoApp{t: t, Dir: filepath.Join(dir, "project")}
	t.Cleanup(a.stop)
	for range 5 {
		if a.Address, err = child.FreeAddress(); err != nil {
			break
		}
		if err = a.start(cfg); err == nil {
			return a
		}
		a.stop()
	}
	t.Fatalf("starting gunicorn with Django (Debian's packages gunicorn, python3-django, python3-uvicorn): %v", err)
	return nil
}

func (a *DjangoApp) start(cfg DjangoConfig) (err error) {
	module := "config.wsgi"
	if cfg.Workers == ASGIWorkers {
		module = "config.asgi"
	}
	args := append([]string{"--chdir", a.Dir, "--config", "gunicorn.conf.py", "--bind", a.Address, "--worker-class", string(cfg.Workers),
		"--workers", strconv.Itoa(max(cfg.Processes, 1)), "--threads", strconv.Itoa(max(cfg.Threads, 1))}, cfg.Args...)
	nonce := rand.Text()
	log, err := os.OpenFile(filepath.Join(a.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	a.cmd = exec.Command("gunicorn", append(args, module)...)
	a.cmd.Dir, a.cmd.Stdout, a.cmd.Stderr = a.Dir, log, log
	a.cmd.Env = append(os.Environ(), "DJANGO_NONCE="+nonce, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	a.exited = make(chan struct{})
	if err := child.Start(a.cmd, syscall.SIGKILL, a.exited); err != nil {
		return err
	}
	p := &process{cmd: a.cmd, exited: a.exited, log: log.Name()}
	return p.await(a.Address, func(ctx context.Context, address string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/nonce/", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if text, err := io.ReadAll(response.Body); err != nil || string(text) != nonce {
			return fmt.Errorf("another program answers there: %q, %w", text, err)
		}
		return nil
	})
}

// stop ends gunicorn and its workers, whatever they are doing.
func (a *DjangoApp) stop() {
	if a.cmd == nil || a.cmd.Process == nil {
		return
	}
	if err := syscall.Kill(-a.cmd.Process.Pid, syscall.SIGKILL); err == nil || errors.Is(err, syscall.ESRCH) {
		<-a.exited
	}
	a.cmd = nil
}

// Stop ends the app before its test does.
func (a *DjangoApp) Stop() { a.stop() }

// Restart ends gunicorn as its init system does, by SIGTERM, and starts it again at the
// same address once it has ended. It returns when the new one answers.
func (a *DjangoApp) Restart(cfg DjangoConfig) error {
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-a.exited
	return a.start(cfg)
}

// Log returns what gunicorn and Django have printed.
func (a *DjangoApp) Log() string {
	text, _ := os.ReadFile(filepath.Join(a.Dir, "log"))
	return string(text)
}

// Delivered returns how many times a request with this X-Delivery reached a view, and
// in how many of them its whole body was read there.
func (a *DjangoApp) Delivered(delivery string) (begun, whole int) {
	text, _ := os.ReadFile(filepath.Join(a.Dir, "deliveries"))
	for line := range strings.Lines(string(text)) {
		switch strings.TrimSpace(line) {
		case "begun " + delivery:
			begun++
		case "whole " + delivery, "given " + delivery, "read " + delivery:
			whole++
		}
	}
	return begun, whole
}

// Pipe makes the pipe that /events/<name>/ or /poll/<name>/ reads, and returns its
// writing end as soon as a view has opened it.
func (a *DjangoApp) Pipe(name string) (open func() *os.File) {
	a.t.Helper()
	path := filepath.Join(a.Dir, "pipe-"+name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return func() *os.File {
		a.t.Helper()
		again, late := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
		defer again.Stop()
		for {
			// Without a reader a pipe is not opened for writing only.
			file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err == nil {
				a.t.Cleanup(func() { _ = file.Close() })
				return file
			}
			select {
			case <-again.C:
			case <-late:
				a.t.Fatalf("no view reads the pipe: %v\n%s", err, a.Log())
			}
		}
	}
}

// Send writes raw bytes to an address and returns the answer with its body; the
// answer to a HEAD must not be waited for so.
func Send(t testing.TB, address, raw string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn = eventually.Unhurried(conn)
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(conn)
	response, err := http.ReadResponse(br, nil)
	for err == nil && response.StatusCode < 200 {
		response, err = http.ReadResponse(br, nil)
	}
	if err != nil {
		t.Fatalf("reading the answer to %.200q: %v", raw, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the body of the answer to %.200q: %v", raw, err)
	}
	return response, string(body)
}

// Arrived sends raw bytes to an address, and returns what Django behind it says arrived.
func Arrived(t testing.TB, address, raw string) Arrival {
	t.Helper()
	response, body := Send(t, address, raw)
	defer response.Body.Close()
	var a Arrival
	if err := json.Unmarshal([]byte(body), &a); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the answer to %.200q is %s, %q, %v", raw, response.Status, body, err)
	}
	return a
}
