package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/upstream"
)

// Config says how the wire listens and where the app is.
type Config struct {
	Server    ServerConfig
	Upstream  UpstreamConfig
	Headers   HeadersConfig
	AccessLog bool // a line for each request, at level info
}

// ServerConfig is [server], as far as the proxy's own listener goes.
type ServerConfig struct {
	PublicURL      string        `toml:"public_url"`             // the site's address as browsers see it; "": unknown
	TrustedProxies []string      `toml:"trusted_proxies,reload"` // CIDR prefixes whose X-Forwarded-* are believed
	ProxyProtocol  bool          `toml:"proxy_protocol"`         // every connection begins by saying whose it is
	ErrorPage      string        `toml:"error_page,reload"`      // a file of HTML that people see while the app is down
	CORSOrigins    []string      `toml:"cors_origins,reload"`    // origins that may read the proxy's own answers
	Compress       bool          `toml:"compress,reload"`        // gzip, br or zstd rewritten pages towards clients
	DebugHeaders   bool          `toml:"debug_headers,reload"`   // Cache-Status on every answer (RFC 9211)
	HeaderTimeout  time.Duration `toml:"header_timeout,reload"`
	BodyTimeout    time.Duration `toml:"body_timeout,reload"` // in which a client sends some of a body, or takes some
	IdleTimeout    time.Duration `toml:"idle_timeout,reload"`
	MaxConns       int           `toml:"max_conns,reload"`
	MaxHeader      int           `toml:"max_header,bytes,reload"`       // request line and headers together
	MaxRequestBody int64         `toml:"max_request_body,bytes,reload"` // 0: no limit
	ShutdownGrace  time.Duration `toml:"shutdown_grace,reload"`         // that requests in flight are given at shutdown
}

// UpstreamConfig is [upstream]: the app.
type UpstreamConfig struct {
	URL             string        `toml:"url"`     // http://host:port, https://host, either with a path, or unix:/path
	CAFile          string        `toml:"ca_file"` // see upstream.Config
	ServerName      string        `toml:"server_name"`
	PreserveHost    bool          `toml:"preserve_host,reload"` // send the client's Host on, rather than URL's
	ConnectTimeout  time.Duration `toml:"connect_timeout,reload"`
	ResponseTimeout time.Duration `toml:"response_timeout,reload"` // from a request's last byte to the head of the response
	IdleTimeout     time.Duration `toml:"idle_timeout,reload"`     // that a connection to the app is kept unused
	MaxConns        int           `toml:"max_conns"`
	MaxUpgrades     int           `toml:"max_upgrades,reload"`  // web sockets at once, among MaxConns
	RestartGrace    time.Duration `toml:"restart_grace,reload"` // that requests wait for an app that nothing listens for
	// AllowUnderscores sends header names with underscores on, which WSGI apps cannot tell
	// from those with dashes.
	AllowUnderscores bool `toml:"allow_underscores,reload"`
	MaxFallbacks     int  `toml:"max_fallbacks,reload"` // thumbnail requests at the app at once that could make it render

	Spool       bool     `toml:"spool"`               // read uploads whole before the app hears of them, and answers as fast as it gives them
	SpoolMemory int64    `toml:"spool_memory,bytes"`  // of all bodies
	SpoolDisk   int64    `toml:"spool_disk,bytes"`    // of all bodies
	SpoolMax    int64    `toml:"spool_max,bytes"`     // of one body
	SpoolDir    string   `toml:"spool_dir"`           // "": $CACHE_DIRECTORY, else /var/tmp
	StreamPaths []string `toml:"stream_paths,reload"` // prefixes of paths whose bodies are not spooled
}

// Defaults returns the configuration that an empty file stands for, but for the app's
// URL.
func Defaults() Config {
	return Config{
		Server: ServerConfig{
			TrustedProxies: []string{"127.0.0.0/8", "::1/128"},
			HeaderTimeout:  10 * time.Second,
			BodyTimeout:    60 * time.Second,
			IdleTimeout:    75 * time.Second,
			MaxConns:       16384,
			MaxHeader:      32 << 10,
			ShutdownGrace:  15 * time.Second,
		},
		Upstream: UpstreamConfig{
			PreserveHost:    true,
			ConnectTimeout:  5 * time.Second,
			ResponseTimeout: 20 * time.Minute,
			IdleTimeout:     800 * time.Millisecond,
			MaxConns:        512,
			MaxUpgrades:     256,
			MaxFallbacks:    4,
			Spool:           true,
			SpoolMemory:     64 << 20,
			SpoolDisk:       8 << 30,
			SpoolMax:        1 << 30,
		},
	}
}

// Validate reports every problem of the configuration, joined; each begins with
// the key's name.
func (c Config) Validate() error {
	return errors.Join(c.Server.Validate(), c.Upstream.Validate(), c.Headers.Validate())
}

// Validate is Config's, of this part.
func (c ServerConfig) Validate() error {
	var errs []error
	if c.PublicURL != "" {
		errs = append(errs, checkURL("server.public_url", c.PublicURL, "http", "https"))
	}
	for _, prefix := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(prefix); err != nil {
			errs = append(errs, fmt.Errorf("server.trusted_proxies: %q is not a network such as 10.0.0.0/8", prefix))
		}
	}
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			errs = append(errs, fmt.Errorf("server.cors_origins: %q is not an origin such as https://example.org", origin))
		}
	}
	return errors.Join(append(errs,
		positive("server.header_timeout", c.HeaderTimeout),
		positive("server.body_timeout", c.BodyTimeout),
		positive("server.idle_timeout", c.IdleTimeout),
		positive("server.shutdown_grace", c.ShutdownGrace),
		within("server.max_conns", c.MaxConns, 1, 1<<20),
		within("server.max_header", c.MaxHeader, 1<<10, 1<<20),
		notNegative("server.max_request_body", c.MaxRequestBody),
	)...)
}

// Place is where the app is, as package upstream wants it.
func (c UpstreamConfig) Place() upstream.Config {
	return upstream.Config{URL: c.URL, CAFile: c.CAFile, ServerName: c.ServerName}
}

// Validate is Config's, of this part.
func (c UpstreamConfig) Validate() error {
	_, err := upstream.Parse(c.Place())
	var errs []error
	for _, path := range c.StreamPaths {
		if !strings.HasPrefix(path, "/") {
			errs = append(errs, fmt.Errorf("upstream.stream_paths: %q must begin with a slash", path))
		}
	}
	return errors.Join(append(errs,
		err,
		positive("upstream.connect_timeout", c.ConnectTimeout),
		positive("upstream.response_timeout", c.ResponseTimeout),
		positive("upstream.idle_timeout", c.IdleTimeout),
		within("upstream.max_conns", c.MaxConns, 1, 1<<16),
		within("upstream.max_upgrades", c.MaxUpgrades, 0, 1<<16),
		within("upstream.max_fallbacks", c.MaxFallbacks, 1, max(1, c.MaxConns)),
		notNegative("upstream.spool_memory", c.SpoolMemory),
		notNegative("upstream.spool_disk", c.SpoolDisk),
		notNegative("upstream.spool_max", c.SpoolMax),
	)...)
}

func checkURL(key, text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s: %q must be a scheme and a host, such as http://127.0.0.1:8000", key, text)
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return nil
		}
	}
	return fmt.Errorf("%s: %q must begin with %s://", key, text, strings.Join(schemes, ":// or "))
}

func positive(key string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s: must be longer than zero", key)
	}
	return nil
}

func notNegative(key string, n int64) error {
	if n < 0 {
		return fmt.Errorf("%s: must not be negative", key)
	}
	return nil
}

func within(key string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s: must be from %d to %d", key, least, most)
	}
	return nil
}
