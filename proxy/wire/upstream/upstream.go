// Package upstream says where the app is, by upstream.url, and connects to it: by TCP, by
// a Unix socket, or by TLS. The proxy asks the app so, and so does whoever else has to:
// the fetching of originals that are the app's own files, check, and /readyz.
//
// A name is resolved whenever a connection is made, and each of its addresses is tried in
// turn. A TLS connection is handed out as one end of a local socket pair (tls.go), so that
// its user reads and writes descriptors whatever the app is reached by.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// Config says where the app is: keys of [upstream].
type Config struct {
	URL        string
	CAFile     string // who signs an https app's certificate; "": the system's authorities
	ServerName string // that its certificate is for; "": URL's host
}

// Conn is a connection to the app. SyscallConn gives the descriptor that it is read from
// and written to, of a socket pair where the app speaks TLS.
type Conn interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// App is the app's place. It may be used from any goroutine.
type App struct {
	network, address string
	scheme           string // "http" or "https"
	host             string // as a Host header has it
	prefix           string // that is put before every target; "": none
	named            bool   // address has a name that may come to mean other addresses
	tls              *tls.Config
	dialer           net.Dialer
}

// Parse reads Config.URL, without looking at any file.
func Parse(cfg Config) (*App, error) {
	a := &App{network: "tcp", scheme: "http", host: "localhost"}
	if path, ok := strings.CutPrefix(cfg.URL, "unix:"); ok {
		path = "/" + strings.TrimLeft(strings.TrimPrefix(path, "//"), "/")
		if path == "/" || strings.HasSuffix(path, "/") {
			return nil, fmt.Errorf("upstream.url: %q must be a socket's path, such as unix:/run/gunicorn.sock", cfg.URL)
		}
		a.network, a.address = "unix", path
		return a, errors.Join(onlyTLS("upstream.ca_file", cfg.CAFile), onlyTLS("upstream.server_name", cfg.ServerName))
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("upstream.url: %q must be a scheme and a host, such as http://127.0.0.1:8000, or unix:/run/gunicorn.sock", cfg.URL)
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if port == "" {
		return nil, fmt.Errorf("upstream.url: %q must begin with http://, https:// or unix:/ (a socket)", cfg.URL)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	_, err = netip.ParseAddr(u.Hostname())
	a.scheme, a.host, a.named = u.Scheme, u.Host, err != nil
	a.prefix, a.address = strings.TrimRight(u.EscapedPath(), "/"), net.JoinHostPort(u.Hostname(), port)
	if a.scheme == "http" {
		return a, errors.Join(onlyTLS("upstream.ca_file", cfg.CAFile), onlyTLS("upstream.server_name", cfg.ServerName))
	}
	a.tls = &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}
	if cfg.ServerName != "" {
		a.tls.ServerName = cfg.ServerName
	}
	return a, nil
}

func onlyTLS(key, value string) error {
	if value == "" {
		return nil
	}
	return fmt.Errorf("%s: only an upstream.url that begins with https:// has a certificate", key)
}

// New returns the app's place, with the authorities of CAFile read.
func New(cfg Config) (*App, error) {
	a, err := Parse(cfg)
	if err != nil || cfg.CAFile == "" {
		return a, err
	}
	text, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("upstream.ca_file: %w", err)
	}
	a.tls.RootCAs = x509.NewCertPool()
	if !a.tls.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("upstream.ca_file: %s holds no certificate in PEM", cfg.CAFile)
	}
	return a, nil
}

// Host is the app's own name for a Host header, with its port; "localhost" for one that is
// reached by a Unix socket.
func (a *App) Host() string { return a.host }

// Prefix is the path that stands before every target at the app; "": none. It does not end
// in a slash.
func (a *App) Prefix() string { return a.prefix }

// Base is the URL of the app's root, without a closing slash, for an http.Request that goes
// over Dial and TLS.
func (a *App) Base() string { return a.scheme + "://" + a.host + a.prefix }

// Address is where the app listens: host:port, or the path of a Unix socket.
func (a *App) Address() string { return a.address }

// TLS is how an https app is spoken to; nil for any other.
func (a *App) TLS() *tls.Config { return a.tls }

// Named says whether the app is at a name, which may come to mean other addresses.
func (a *App) Named() bool { return a.named }

// Dial connects to the app, whatever address it is given, without TLS. It has the form
// that http.Transport wants.
func (a *App) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	for {
		conn, err := a.dialer.DialContext(ctx, a.network, a.address)
		if err == nil || !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		// A Unix socket whose queue is full does not make its client wait, as TCP does.
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// Connect connects to the app, by TLS where it is https.
func (a *App) Connect(ctx context.Context) (Conn, error) {
	conn, err := a.Dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	if a.tls == nil {
		return conn.(Conn), nil
	}
	return secure(ctx, conn, a.tls)
}

// Refuses says whether an error of Dial or Connect means that no app is there at the
// moment: nothing listens, the socket's file is gone, or the name is (a container that
// restarts has none).
func Refuses(err error) bool {
	var name *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || errors.As(err, &name) && name.IsNotFound
}
