package deploy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// backend is what stands behind thumbedge: the sample app, which redirects to https
// as SECURE_SSL_REDIRECT does, its database, and a bucket that a test can take away.
type backend struct {
	database string // URL
	app      string // host:port
	counters func() sampleapp.Counters
	bucket   testenv.Bucket
	storage  *testenv.FaultyLink
}

func newBackend(t *testing.T, database string) *backend {
	t.Helper()
	b := &backend{database: database, bucket: testenv.S3(t)}
	b.storage = testenv.Toxiproxy(t, strings.TrimPrefix(b.bucket.Endpoint, "http://"))
	dir := t.TempDir()
	photos, err := sampleapp.Album{Dir: filepath.Join(dir, "photos"), Scenes: 4, Width: 320}.Draw(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	app, err := sampleapp.New(t.Context(), sampleapp.Config{DatabaseURL: database, MediaDir: filepath.Join(dir, "media")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Seed(t.Context(), photos, 3); err != nil {
		t.Fatal(err)
	}
	b.counters = app.Counters
	handler := app.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// thumbedge itself reads the app's own originals, inside.
		if r.Header.Get("X-Forwarded-Proto") != "https" && !strings.HasPrefix(r.URL.Path, "/media/") {
			http.Redirect(w, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusMovedPermanently)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); _ = app.Close() })
	b.app = server.Listener.Addr().String()
	return b
}

// configuration is what the runbook's reader changes in config.example.toml: lines
// that stand there, and what they become.
func (b *backend) configuration(site string) map[string]string {
	return map[string]string{
		`public_url = ""`: fmt.Sprintf("public_url = %q", site),
		`url = "postgres://antenna:${POSTGRES_PASSWORD}@127.0.0.1:5432/antenna"`: fmt.Sprintf("url = %q", b.database),
		`bucket = "antenna"`: fmt.Sprintf("bucket = %q", b.bucket.Name),
		// With what follows them: [storage.private] has keys of these names, too.
		`region = ""                      # `:          fmt.Sprintf("region = %q # ", b.bucket.Region),
		`endpoint = ""                    # of an S3 `: fmt.Sprintf("endpoint = %q # of an S3 ", "http://"+b.storage.Address),
		`access_key = ""                  # `:          fmt.Sprintf("access_key = %q # ", b.bucket.AccessKey),
		"secret_key = \"\"\nlocation = \"uploads/\"":   "secret_key = \"${STORAGE_SECRET}\"\nlocation = \"uploads/\"",
		`path_style = false               # `:          `path_style = true # `,
		`debug_headers = false`:                        `debug_headers = true`,
		`retry_after = "30s"`:                          `retry_after = "1s"`,
	}
}

// site is the real nginx with TLS before a backend, and the hosts behind it.
type site struct {
	*backend
	nginx *testenv.Nginx
	url   string
	conf  func(servers ...string) string // thumbedge.conf, its upstream being these
	env   []string                       // with which clients trust the site's certificate
}

// newSite starts a site that leads straight to the app.
func newSite(t *testing.T, database string) *site {
	t.Helper()
	s := &site{backend: newBackend(t, database)}
	authority, key := certificate(t)
	s.env = []string{"SSL_CERT_FILE=" + authority, "CURL_CA_BUNDLE=" + authority}
	s.nginx = testenv.StartNginx(t, func(address string) string {
		s.url = "https://" + address
		s.conf = func(servers ...string) string {
			return edited(t, "nginx/thumbedge.conf", map[string]string{
				"listen 80;":                               "listen " + address + " ssl;\nssl_certificate " + authority + ";\nssl_certificate_key " + key + ";",
				"server 127.0.0.1:8080 fail_timeout=1s;":   "server " + strings.Join(servers, " fail_timeout=1s;\nserver ") + " fail_timeout=1s;",
				"proxy_set_header Host $host;":             "proxy_set_header Host $http_host;", // the site has a port of its own
				"proxy_set_header X-Forwarded-Host $host;": "proxy_set_header X-Forwarded-Host $http_host;",
			})
		}
		return s.conf(s.app)
	})
	return s
}

// edited returns a file with these texts, each of which it has once, replaced.
func edited(t *testing.T, path string, edits map[string]string) string {
	t.Helper()
	text := read(t, path)
	for old, replacement := range edits {
		if strings.Count(text, old) != 1 {
			t.Fatalf("%s has not exactly one %q", path, old)
		}
		text = strings.Replace(text, old, replacement, 1)
	}
	return text
}

// certificate makes a certificate for 127.0.0.1 that signs itself, and returns the
// paths of it and of its key.
func certificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "thumbedge test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("certificate.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
}
