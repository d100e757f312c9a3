package main_test

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// limited calls the program with a limit of open files.
func limited(t *testing.T, files int, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, files), "sh", path}, args...)...)
}

// TestServeSaysThatDescriptorsAreTooFew: with the default max_conns, and the 1024 open
// files of many a shell.
func TestServeSaysThatDescriptorsAreTooFew(t *testing.T) {
	t.Parallel()
	path := configure(t, "127.0.0.1:1", nobody, "")
	const want = "server.max_conns (16384), upstream.max_conns (512) and database.max_conns (16) allow more open connections than this process may have, 1024"
	s := serveWith(t, limited(t, 1024, "serve", "--config", path))
	if before := s.said(); !strings.Contains(before, want) || !strings.Contains(before, "lower server.max_conns to 240") {
		t.Errorf("it starts with\n%s", before)
	}
	out, _ := limited(t, 1024, "check", "--config", path).Output() // it fails: nothing is there
	if line := lineOf(string(out), "descriptors"); !strings.HasPrefix(line, "degraded") || !strings.Contains(line, want) {
		t.Errorf("check says %q in\n%s", line, out)
	}
	if before := serveWith(t, limited(t, 20000, "serve", "--config", path)).said(); strings.Contains(before, "descriptors") {
		t.Errorf("with enough it says\n%s", before)
	}
}

// TestAdminConnectionsLeaveDescriptors: somebody keeps more connections to the admin
// listener than the process may have files open, and the site still answers.
func TestAdminConnectionsLeaveDescriptors(t *testing.T) {
	t.Parallel()
	app := startApp(t, func(conn net.Conn, br *bufio.Reader) {
		for {
			if _, _, err := readHead(br); err != nil {
				return
			}
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	s := serveWith(t, limited(t, 400, "serve", "--config", configure(t, app, nobody, "")))
	for i := range 500 {
		conn, err := net.Dial("tcp", s.admin)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(deadline))
		if head, _, err := exchange(conn, bufio.NewReader(conn), "/healthz"); err != nil || !strings.HasPrefix(head, "HTTP/1.1 200") {
			t.Fatalf("health check %d got %q, %v", i, head, err)
		}
	}
	for range 20 {
		conn, br := s.dial(t)
		if _, body, err := exchange(conn, br, "/a/page"); err != nil || body != "ok" {
			t.Fatalf("the site answers %q, %v", body, err)
		}
	}
}

// TestServeRefusesAWarmSetAboveTheMemory, on this machine as it is.
func TestServeRefusesAWarmSetAboveTheMemory(t *testing.T) {
	t.Parallel()
	path := configure(t, "127.0.0.1:1", nobody, "[cache]\nmax_size = \"3TiB\"\n")
	for _, command := range []string{"serve", "check"} {
		out, err := thumbedge(t, command, "--config", path).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "cache.max_size: 3.0 TiB is more than the ") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}

func lineOf(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, " "+word+" ") {
			return line
		}
	}
	return ""
}
