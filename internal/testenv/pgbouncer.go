package testenv

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/child"
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
	target, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		var address string
		if address, err = child.FreeAddress(); err != nil {
			break
		}
		through := &url.URL{Scheme: "postgres", User: url.User(target.User), Host: address, Path: "/" + target.Database, RawQuery: "sslmode=disable"}
		if err = startPgbouncer(t, bin, dir, through, target); err == nil {
			return through.String()
		}
	}
	t.Fatalf("starting pgbouncer (Debian's package pgbouncer): %v", err)
	return ""
}

// startPgbouncer starts one that is to be reached at through, and leads to target.
func startPgbouncer(t testing.TB, bin, dir string, through *url.URL, target *pgx.ConnConfig) error {
	password := ""
	if target.Password != "" {
		password = "password='" + target.Password + "'"
	}
	config := fmt.Sprintf(`[databases]
%s = host=%s port=%d user=%s %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
logfile =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
`, target.Database, target.Host, target.Port, target.User, password, through.Port())
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	arguments := []string{file}
	if os.Geteuid() == 0 { // as root it refuses to run
		arguments = append(arguments, "-u", "postgres")
	}
	p := &process{exited: make(chan struct{}), log: filepath.Join(dir, "pgbouncer.log")}
	if err := p.run(bin, arguments); err != nil {
		return err
	}
	t.Cleanup(func() {
		select {
		case <-p.exited:
			said, _ := os.ReadFile(p.log)
			t.Logf("pgbouncer ended before the test did, %v:\n%s", p.cmd.ProcessState, said)
		default:
			p.stop()
		}
	})
	return p.await(through.Host, func(ctx context.Context, _ string) error {
		conn, err := pgx.Connect(ctx, through.String())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}
