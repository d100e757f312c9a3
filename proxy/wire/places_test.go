package wire

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// checkPlace sends what crosses every part of the wire: bodies both ways, small and large,
// in memory and in files, and a poll.
func checkPlace(t *testing.T, p *testServer, app *testenv.DjangoApp) {
	t.Helper()
	const head = "POST /upload HTTP/1.1\r\nHost: site.test\r\n"
	for _, size := range []int{0, 1000, 100_000, 3_000_000} {
		body := make([]byte, size)
		_, _ = (&pattern{}).Read(body)
		sum := sha256.Sum256(body)
		for form, got := range map[string]testenv.Arrival{
			"length": p.arrived(head+fmt.Sprintf("Content-Length: %d\r\n\r\n", size), string(body)),
			"chunks": p.arrived(head+"Transfer-Encoding: chunked\r\n\r\n", chunks(string(body), size/7+1, "")),
		} {
			if got.SHA256 != hex.EncodeToString(sum[:]) || got.Host != "site.test" {
				t.Errorf("%d bytes, %s: %d arrived for %q", size, form, got.Length, got.Host)
			}
		}
		raw := p.Exchange(wiretest.Get(fmt.Sprintf("/download/%d/", size)))
		for i := range body { // what Django sends
			body[i] = byte(i)
		}
		if got := wiretest.Body(raw); got != string(body) {
			t.Errorf("%d of %d bytes came back", len(got), size)
		}
	}
	open := app.Pipe("poll")
	w := p.Dial().Send(wiretest.Get("/poll/poll/"))
	fmt.Fprintln(open(), "now")
	if raw := w.Answer(); !strings.HasPrefix(raw, "HTTP/1.1 200 ") {
		t.Errorf("the poll gave %q", raw)
	}
}

// toFiles has every body that is spooled in a file.
func toFiles(cfg *Config) { cfg.Upstream.SpoolMemory = 0 }

// gunicorn's usual bind is a Unix socket.
func TestGunicornOnAUnixSocket(t *testing.T) {
	t.Parallel()
	for _, workers := range testenv.AllWorkers {
		t.Run(string(workers), func(t *testing.T) {
			t.Parallel()
			socket := filepath.Join(t.TempDir(), "gunicorn.sock")
			app := testenv.Django(t, testenv.DjangoConfig{Workers: workers, Args: []string{"--bind", "unix:" + socket}})
			cfg := Defaults()
			cfg.Upstream.URL = "unix:" + socket
			toFiles(&cfg)
			p := serveOn(t, cfg)
			checkPlace(t, p, app)
			cfg.Upstream.PreserveHost = false
			if got := serveOn(t, cfg).arrived("GET /x HTTP/1.1\r\nHost: site.test\r\n\r\n"); got.Host != "localhost" {
				t.Errorf("without preserve_host the app is %q", got.Host)
			}
		})
	}
}

// An app behind nginx's TLS, below a path, with a certificate of the house: what it
// answers leads to the site.
func TestHTTPSBelowAPath(t *testing.T) {
	t.Parallel()
	app := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers, Threads: 4})
	known := httptest.NewUnstartedServer(nil) // for its certificate, which is for example.com
	known.StartTLS()
	defer known.Close()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(known.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: known.Certificate().Raw}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	nginx := testenv.StartNginx(t, func(address string) string {
		return fmt.Sprintf(`server {
    listen %s ssl;
    ssl_certificate %[2]s/cert.pem; ssl_certificate_key %[2]s/key.pem;
    client_max_body_size 0;
    location = /antenna/leads {
        add_header Set-Cookie "a=1; Path=/antenna/x; Domain=example.com";
        add_header Refresh "3; url=https://site.test/antenna/later";
        add_header Content-Location /antennae;
        return 302 https://site.test/antenna/next?x=1;
    }
    location /antenna/ { proxy_pass http://%[3]s/; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_request_buffering off; proxy_buffering off; }
}`, address, dir, app.Address)
	})
	cfg := Defaults()
	cfg.Upstream.URL = "https://" + nginx.Address + "/antenna/"
	cfg.Upstream.CAFile, cfg.Upstream.ServerName = filepath.Join(dir, "cert.pem"), "example.com"
	toFiles(&cfg)
	p := serveOn(t, cfg)
	checkPlace(t, p, app)
	if got := p.arrived("GET /x/?y HTTP/1.1\r\nHost: site.test\r\n\r\n"); got.Path != "/x/" || got.Query != "y" {
		t.Errorf("the app was asked for %s?%s", got.Path, got.Query)
	}
	raw := p.Exchange(wiretest.Get("/leads"))
	for name, want := range map[string]string{
		"Location": "https://site.test/next?x=1", "Refresh": "3; url=https://site.test/later",
		"Content-Location": "/antennae", "Set-Cookie": "a=1; Path=/x; Domain=example.com",
	} {
		if got := wiretest.Fields(raw, name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Where the app is at a name, a busy connection is not used for ever: the name may mean
// another machine by now.
func TestConnectionsToANameGrowOld(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	_, port, _ := strings.Cut(a.Addr, ":")
	for host, want := range map[string]int{"127.0.0.1": 1, "localhost": 3} {
		before := a.Accepted()
		p := startServer(t, host+":"+port, nil, func(s *Server) {
			if s.pool.app.Named() {
				s.pool.oldest = 0
			}
		})
		w := p.Dial()
		for range 3 {
			if raw := w.Send(wiretest.Get("/x")).Answer(); wiretest.Body(raw) != "ok" {
				t.Fatalf("answer %q", raw)
			}
			eventually.Holds(t, "the connection is kept", func() bool { return len(p.server.pool.slots) == 0 })
		}
		if got := a.Accepted() - before; got != want {
			t.Errorf("%s: %d connections, want %d", host, got, want)
		}
	}
}
