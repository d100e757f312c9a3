package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Validate reports every problem of the configuration, joined; each begins with
// the key's name.
func (c Config) Validate() error {
	return errors.Join(c.Server.validate(), c.Upstream.validate(), c.Rewrite.validate(c), c.Specs.Validate())
}

func (c *ServerConfig) validate() error {
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
		positive("server.idle_timeout", c.IdleTimeout),
		positive("server.shutdown_grace", c.ShutdownGrace),
		within("server.max_conns", c.MaxConns, 1, 1<<20),
		within("server.max_header", c.MaxHeader, 1<<10, 1<<20),
		notNegative("server.max_request_body", c.MaxRequestBody),
	)...)
}

func (c *UpstreamConfig) validate() error {
	return errors.Join(
		checkURL("upstream.url", c.URL, "http"),
		positive("upstream.connect_timeout", c.ConnectTimeout),
		positive("upstream.response_timeout", c.ResponseTimeout),
		positive("upstream.idle_timeout", c.IdleTimeout),
		within("upstream.max_conns", c.MaxConns, 1, 1<<16),
		within("upstream.max_fallbacks", c.MaxFallbacks, 1, max(1, c.MaxConns)),
	)
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
		if !isHost([]byte(host)) {
			errs = append(errs, fmt.Errorf("rewrite.hosts: %q must be a host, with its port where it has one", host))
		}
	}
	for _, label := range c.Prefetch {
		if label == "" || all.Specs.Index(label) < 0 {
			errs = append(errs, fmt.Errorf("rewrite.prefetch: %q is not a configured label", label))
		}
	}
	return errors.Join(append(errs,
		within("rewrite.max_body", c.MaxBody, 1<<10, 1<<30),
		within("rewrite.memory", c.Memory, c.MaxBody, 1<<40),
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

func within[N int | int64](key string, n, least, most N) error {
	if n < least || n > most {
		return fmt.Errorf("%s: must be from %d to %d", key, least, most)
	}
	return nil
}
