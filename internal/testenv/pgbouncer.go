package testenv

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pgbouncer starts a pgbouncer in transaction mode in front of the database at
// url, and returns the URL of the same database through it. It has three server
// connections, so that what belongs to one is soon missed on another. It ends with
// the test.
func Pgbouncer(t testing.TB, databaseURL string) string {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		bin = "/usr/sbin/pgbouncer"
	}
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	target, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	probe, err := net.Listen("tcp4", "127.0.0.1:0") // for a port that is free
	if err != nil {
		t.Fatal(err)
	}
	port := probe.Addr().(*net.TCPAddr).Port
	probe.Close()
	password := ""
	if target.Password != "" {
		password = "password='" + target.Password + "'"
	}
	config := fmt.Sprintf(`[databases]
%s = host=%s port=%d user=%s %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
logfile =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
`, target.Database, target.Host, target.Port, target.User, password, port)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	arguments := []string{file}
	if os.Geteuid() == 0 { // as root it refuses to run
		arguments = append(arguments, "-u", "postgres")
	}
	log, err := os.Create(filepath.Join(dir, "pgbouncer.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(bin, arguments...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting pgbouncer (Debian's package pgbouncer): %v", err)
	}
	exited, ending := make(chan struct{}), error(nil)
	go func() { ending = cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		select {
		case <-exited:
			said, _ := os.ReadFile(log.Name())
			t.Logf("pgbouncer ended before the test did: %v\n%s", ending, said)
		default:
			_ = cmd.Process.Kill()
			<-exited
		}
	})
	through := &url.URL{
		Scheme: "postgres", User: url.User(target.User), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path: "/" + target.Database, RawQuery: "sslmode=disable",
	}
	awaitPgbouncer(t, through.String(), log.Name())
	return through.String()
}

func awaitPgbouncer(t testing.TB, url, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			said, _ := os.ReadFile(log)
			t.Fatalf("pgbouncer does not answer: %v\n%s", err, said)
		}
	}
}
