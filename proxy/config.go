package proxy

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says how the proxy listens, where the app is, and which pages it
// rewrites: [server], [upstream], [rewrite] and [[thumbnails]] of the configuration
// file, whose keys the tags name.
type Config struct {
	Server   ServerConfig
	Upstream UpstreamConfig
	Rewrite  RewriteConfig
	Specs    thumb.Specs
	// FilesPath is the URL path under which the proxy serves stored files itself
	// (storage.url_path + storage.prefix, such as "/media/thumbnails/"); "" where
	// it does not. FilesKey is what of it belongs to the key ("thumbnails/").
	FilesPath, FilesKey string
}

// ServerConfig is [server], as far as the proxy's own listener goes.
type ServerConfig struct {
	PublicURL      string        `toml:"public_url"`      // the site's address as browsers see it; "": unknown
	TrustedProxies []string      `toml:"trusted_proxies"` // CIDR prefixes whose X-Forwarded-* are believed
	CORSOrigins    []string      `toml:"cors_origins"`    // origins that may read the proxy's own answers
	Compress       bool          `toml:"compress"`        // gzip, br or zstd rewritten pages towards clients
	DebugHeaders   bool          `toml:"debug_headers"`   // Cache-Status on every answer (RFC 9211)
	HeaderTimeout  time.Duration `toml:"header_timeout"`
	IdleTimeout    time.Duration `toml:"idle_timeout"`
	MaxConns       int           `toml:"max_conns"`
	MaxHeader      int           `toml:"max_header,bytes"`       // request line and headers together
	MaxRequestBody int64         `toml:"max_request_body,bytes"` // 0: no limit
	ShutdownGrace  time.Duration `toml:"shutdown_grace"`         // that requests in flight are given at shutdown
}

// UpstreamConfig is [upstream]: the app.
type UpstreamConfig struct {
	URL             string        `toml:"url"`           // http://host:port
	PreserveHost    bool          `toml:"preserve_host"` // send the client's Host on, rather than URL's
	ConnectTimeout  time.Duration `toml:"connect_timeout"`
	ResponseTimeout time.Duration `toml:"response_timeout"` // until the head of the response
	IdleTimeout     time.Duration `toml:"idle_timeout"`     // that a connection to the app is kept unused
	MaxConns        int           `toml:"max_conns"`
	MaxFallbacks    int           `toml:"max_fallbacks"` // thumbnail requests at the app at once that could make it render
}

// RewriteConfig is [rewrite].
type RewriteConfig struct {
	Paths    []string `toml:"paths"`          // path prefixes of pages
	Route    string   `toml:"route"`          // of thumbnails: "/api/v2/captures/thumbnails/"
	Field    string   `toml:"field"`          // member whose object holds route URLs: "thumbnails"
	Hosts    []string `toml:"hosts"`          // further authorities that route URLs may have
	MaxBody  int64    `toml:"max_body,bytes"` // of one page, decoded
	Memory   int64    `toml:"memory,bytes"`   // of all pages in hand
	Prefetch []string `toml:"prefetch"`       // labels to start rendering when a page shows them cold
}

// Defaults returns the configuration that an empty file stands for, but for the
// labels and the app's URL.
func Defaults() Config {
	return Config{
		Server: ServerConfig{
			TrustedProxies: []string{"127.0.0.0/8", "::1/128"},
			HeaderTimeout:  10 * time.Second,
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
			MaxFallbacks:    4,
		},
		Rewrite: RewriteConfig{
			Paths:   []string{"/api/v2/captures/", "/api/v2/events/"},
			Route:   "/api/v2/captures/thumbnails/",
			Field:   "thumbnails",
			MaxBody: 16 << 20,
			Memory:  256 << 20,
		},
	}
}
