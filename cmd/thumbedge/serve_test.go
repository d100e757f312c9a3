package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// deadline is how long a test waits for what must happen at all.
const deadline = 60 * time.Second

// program builds thumbedge, with the engine under test and without the race
// detector, which takes memory of its own, and returns the file.
var program func() (string, error)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "thumbedge-serve")
	if err != nil {
		panic(err)
	}
	program = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "thumbedge")
		out, err := exec.Command("go", "build", "-tags", render.Engine(), "-o", path, ".").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("building: %w: %s", err, out)
		}
		return path, err
	})
	status := testenv.Main(m)
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// nobody is a database that cannot be reached; serve starts all the same.
const nobody = "postgres://nobody@127.0.0.1:1/none?sslmode=disable"

// configure writes a configuration for an app and a database, and more sections; those
// of [upstream] go where it stands.
func configure(t *testing.T, app, database, more string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "thumbedge.toml")
	upstream := ""
	if keys, ok := strings.CutPrefix(more, "[upstream]\n"); ok {
		upstream, more = keys, ""
	}
	document := fmt.Sprintf(`[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
shutdown_grace = "60s"
[upstream]
url = "http://%s"
%s
[[thumbnails]]
label = "small"
width = 240
[database]
url = %q
[storage]
driver = "filesystem"
root = %q
[log]
access = false
%s`, app, upstream, database, t.TempDir(), more)
	if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// thumbedge is a command that calls the program.
func thumbedge(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, args...)
}

// server is a `thumbedge serve` of its own.
type server struct {
	addr, admin string
	cmd         *exec.Cmd
	exited      chan error

	mu    sync.Mutex
	lines strings.Builder // of its log
}

// said returns what the program has logged so far.
func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.String()
}

var serving = regexp.MustCompile(`msg=serving listen=(\S+) admin_listen=(\S+)`)

// serve starts the program, which ends with the test.
func serve(t *testing.T, config string) *server {
	t.Helper()
	return serveWith(t, thumbedge(t, "serve", "--config", config))
}

// serveWith starts the program by a command.
func serveWith(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{cmd: cmd, exited: make(chan error, 1)}
	stderr, err := s.cmd.StderrPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	listening := make(chan []string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			fmt.Fprintln(t.Output(), lines.Text())
			s.mu.Lock()
			s.lines.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			if found := serving.FindStringSubmatch(lines.Text()); found != nil {
				listening <- found[1:]
			}
		}
		s.exited <- s.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.exited
	})
	select {
	case found := <-listening:
		s.addr, s.admin = found[0], found[1]
	case <-time.After(deadline):
		t.Fatal("thumbedge does not serve")
	}
	return s
}

// terminate sends SIGTERM.
func (s *server) terminate(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// refuses says whether new connections are refused.
func (s *server) refuses() bool {
	conn, err := net.Dial("tcp", s.addr)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// checkExit waits for the end, in order.
func (s *server) checkExit(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.exited:
		s.exited <- err
		if err != nil {
			t.Errorf("serve ended with %v, want status 0", err)
		}
	case <-time.After(deadline):
		t.Fatal("serve did not end")
	}
}

// dial opens a client's connection.
func (s *server) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	conn = eventually.Unhurried(conn)
	return conn, bufio.NewReader(conn)
}

// startApp serves each connection to it by handle.
func startApp(t *testing.T, handle func(conn net.Conn, br *bufio.Reader)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() {
				defer conn.Close()
				handle(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		handlers.Wait()
	})
	return ln.Addr().String()
}

// readHead reads a head; target is a request's.
func readHead(br *bufio.Reader) (head, target string, err error) {
	var b strings.Builder
	for {
		line, err := br.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			return b.String(), "", err
		}
		if line == "\r\n" {
			break
		}
	}
	if fields := strings.Fields(b.String()); len(fields) > 1 {
		target = fields[1]
	}
	return b.String(), target, nil
}

func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: site.test\r\n\r\n" }

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// exchange sends a GET and reads the answer, whose body is as long as "ok".
func exchange(conn net.Conn, br *bufio.Reader, target string) (head, body string, err error) {
	if _, err := io.WriteString(conn, get(target)); err != nil {
		return "", "", fmt.Errorf("sending: %w", err)
	}
	if head, _, err = readHead(br); err != nil {
		return head, "", err
	}
	two := make([]byte, 2)
	n, err := io.ReadFull(br, two)
	return head, string(two[:n]), err
}
