package proxy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says how the proxy listens, where the app is, and which pages it
// rewrites: [server], [upstream], [rewrite] and [[thumbnails]] of the configuration
// file, whose keys the tags name.
type Config struct {
	Server   wire.ServerConfig
	Upstream wire.UpstreamConfig
	Headers  wire.HeadersConfig
	Limits   LimitsConfig
	// AccessLog writes a line for each request, at level info.
	AccessLog bool
	Rewrite   RewriteConfig
	Specs     thumb.Specs
	// Responses is [responses]; the zero value is off.
	Responses responses.Config
	// FallbackQueue is how many requests of a kind wait for one of
	// upstream.max_fallbacks places (render.queue), and FallbackWait how long
	// (render.max_wait).
	FallbackQueue int
	FallbackWait  time.Duration
	// FilesPath is the URL path under which the proxy serves stored files itself
	// (storage.url_path + storage.prefix, such as "/media/thumbnails/"); "" where
	// it does not. FilesKey is what of it belongs to the key ("thumbnails/").
	FilesPath, FilesKey string
}

// RewriteConfig is [rewrite].
type RewriteConfig struct {
	Paths    []string      `toml:"paths"`                 // path prefixes of pages
	Route    string        `toml:"route,reload"`          // of thumbnails: "/api/v2/captures/thumbnails/"
	Field    string        `toml:"field,reload"`          // member whose object holds route URLs: "thumbnails"
	Hosts    []string      `toml:"hosts,reload"`          // further authorities that route URLs may have
	MaxBody  int64         `toml:"max_body,bytes,reload"` // of one page, decoded
	Memory   int64         `toml:"memory,bytes,reload"`   // of all pages in hand
	Prefetch PrefetchRules `toml:"prefetch,reload"`       // what to start rendering when a page shows it cold
}

// wire is the wire's part.
func (c Config) wire() wire.Config {
	return wire.Config{Server: c.Server, Upstream: c.Upstream, Headers: c.Headers, AccessLog: c.AccessLog}
}

// Defaults returns the configuration that an empty file stands for, but for the
// labels and the app's URL.
func Defaults() Config {
	cfg := wire.Defaults()
	return Config{
		Server:   cfg.Server,
		Upstream: cfg.Upstream,
		Rewrite: RewriteConfig{
			Paths:   []string{"/api/v2/captures/", "/api/v2/events/"},
			Route:   "/api/v2/captures/thumbnails/",
			Field:   "thumbnails",
			MaxBody: 16 << 20,
			Memory:  256 << 20,
		},
		Responses: responses.Defaults(),
	}
}

// Validate reports every problem of the configuration, joined; each begins with
// the key's name.
func (c Config) Validate() error {
	errs := []error{c.Server.Validate(), c.Upstream.Validate(), c.Headers.Validate(), c.Limits.validate(), c.Rewrite.validate(c), c.Specs.Validate()}
	if c.Responses.Enabled {
		errs = append(errs, c.Responses.Validate())
	}
	return errors.Join(errs...)
}

func (c *RewriteConfig) validate(all Config) error {
	var errs []error
	for _, path := range c.Paths {
		if !strings.HasPrefix(path, "/") {
			errs = append(errs, fmt.Errorf("rewrite.paths: %q must begin with a slash", path))
		}
	}
	if len(c.Route) < 2 || c.Route[0] != '/' || c.Route[len(c.Route)-1] != '/' {
		errs = append(errs, fmt.Errorf("rewrite.route: %q must begin and end with a slash", c.Route))
	}
	if c.Field == "" || strings.ContainsAny(c.Field, "\"\\") || strings.ContainsFunc(c.Field, func(r rune) bool { return r < ' ' }) {
		errs = append(errs, fmt.Errorf("rewrite.field: %q must be a member's name that needs no escaping", c.Field))
	}
	for _, host := range c.Hosts {
		if !field.IsHost([]byte(host)) {
			errs = append(errs, fmt.Errorf("rewrite.hosts: %q must be a host, with its port where it has one", host))
		}
	}
	for i, rule := range c.Prefetch {
		errs = append(errs, rule.validate(i, c.Paths, all.Specs))
	}
	return errors.Join(append(errs,
		within("rewrite.max_body", c.MaxBody, 1<<10, 1<<30),
		within("rewrite.memory", c.Memory, c.MaxBody, 1<<40),
	)...)
}

func within(key string, n, least, most int64) error {
	if n < least || n > most {
		return fmt.Errorf("%s: must be from %d to %d", key, least, most)
	}
	return nil
}
