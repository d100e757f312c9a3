package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// Varnish starts a real Varnish with its defaults before origin, a host:port, and returns
// the address at which it answers. It ends with the tests.
func Varnish(t testing.TB, origin string) (address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(origin)
	if err != nil {
		t.Fatal(err)
	}
	address, _ = StartVarnish(t, fmt.Sprintf("vcl 4.1;\nbackend default { .host = %q; .port = %q; }\n", host, port))
	return address
}

// StartVarnish starts a real Varnish that does what the VCL says, and returns the address at
// which it answers, and what `varnishadm -n` has to be told to reach it. It ends with the tests.
func StartVarnish(t testing.TB, vcl string) (address, workdir string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "default.vcl")
	if err := os.WriteFile(file, []byte(vcl), 0o644); err != nil {
		t.Fatal(err)
	}
	workdir, err := os.MkdirTemp("", "varnish") // it outlives the test by a moment
	if err != nil {
		t.Fatal(err)
	}
	atExit(func() { _ = os.RemoveAll(workdir) })
	address, err = start("varnishd", func(address string) []string {
		return []string{"-F", "-j", "none", "-n", workdir, "-a", address, "-f", file, "-s", "malloc,16M"}
	}, func(ctx context.Context, address string) error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	if err != nil {
		t.Fatalf("starting Varnish (Debian's package varnish): %v", err)
	}
	return address, workdir
}
