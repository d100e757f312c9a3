package upstream

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, network, address, host, prefix, base string }{
		{"http://127.0.0.1:8000", "tcp", "127.0.0.1:8000", "127.0.0.1:8000", "", "http://127.0.0.1:8000"},
		{"http://app", "tcp", "app:80", "app", "", "http://app"},
		{"http://app/", "tcp", "app:80", "app", "", "http://app"},
		{"https://app", "tcp", "app:443", "app", "", "https://app"},
		{"https://[::1]:8443/a%20b/", "tcp", "[::1]:8443", "[::1]:8443", "/a%20b", "https://[::1]:8443/a%20b"},
		{"unix:/run/gunicorn.sock", "unix", "/run/gunicorn.sock", "localhost", "", "http://localhost"},
		{"unix:///run/gunicorn.sock", "unix", "/run/gunicorn.sock", "localhost", "", "http://localhost"},
	} {
		a, err := Parse(Config{URL: c.url})
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if a.network != c.network || a.address != c.address || a.Host() != c.host || a.Prefix() != c.prefix || a.Base() != c.base {
			t.Errorf("%s is %s %s, %s, %s, %s", c.url, a.network, a.address, a.Host(), a.Prefix(), a.Base())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for want, refused := range map[string][]Config{
		"upstream.url: ": {{URL: ""}, {URL: "http://"}, {URL: "ftp://app"}, {URL: "app:8000"}, {URL: "http://user@app"}, {URL: "http://app?x"},
			{URL: "http://app#x"}, {URL: "unix:"}, {URL: "unix:/run/"}, {URL: "http://:8000"}},
		"upstream.ca_file: ":     {{URL: "http://app", CAFile: "ca.pem"}, {URL: "unix:/run/app", CAFile: "ca.pem"}},
		"upstream.server_name: ": {{URL: "http://app", ServerName: "app"}},
	} {
		for _, cfg := range refused {
			if _, err := Parse(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%+v: %v", cfg, err)
			}
		}
	}
	for _, cfg := range []Config{{URL: "https://app", CAFile: "testdata/none.pem"}, {URL: "https://app", CAFile: "upstream.go"}} {
		if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), "upstream.ca_file: ") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// A Unix socket whose queue is full answers EAGAIN at once where TCP waits: so does Dial.
func TestDialWaitsForAFullQueue(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	filled, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer filled.Close()
	app, err := Parse(Config{URL: "unix:" + path})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := app.Connect(short); err == nil {
		t.Fatal("a full queue took it")
	}
	go func() {
		<-time.After(30 * time.Millisecond)
		if accepted, _, err := unix.Accept(fd); err == nil {
			unix.Close(accepted)
		}
	}()
	conn, err := app.Connect(t.Context())
	if err != nil {
		t.Fatalf("when there is room again: %v", err)
	}
	conn.Close()
}

// What is there to be waited for: nothing listens, or the socket's file or the name is gone.
func TestRefuses(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	for url, want := range map[string]bool{
		"http://" + ln.Addr().String():              true,
		"unix:" + filepath.Join(t.TempDir(), "app"): true,
		"unix:/proc/self/stat":                      true,
		"unix:/" + strings.Repeat("x", 200):         false,
	} {
		app, err := Parse(Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Connect(t.Context()); Refuses(err) != want || err == nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if !Refuses(&net.DNSError{IsNotFound: true}) || Refuses(&net.DNSError{IsTimeout: true}) {
		t.Error("a name that is gone is a refusal, a resolver that is slow is not")
	}
}
