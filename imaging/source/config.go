package source

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config is [source] of the configuration file, whose keys the tags name, and where the
// site itself is.
type Config struct {
	ConnectTimeout time.Duration `toml:"connect_timeout"` // for a connection, TLS included
	ReadTimeout    time.Duration `toml:"read_timeout"`    // for the head of a response, and between its bytes
	MaxBytes       int64         `toml:"max_bytes,bytes"` // of one original
	MaxPixels      int64         `toml:"max_pixels"`      // of one original
	MaxRedirects   int           `toml:"max_redirects"`   // followed for one original
	RetryAfter     time.Duration `toml:"retry_after"`     // that a failure is remembered
	// AllowHosts are hosts that may be at any address, private, link-local and
	// metadata ones included: a name ("minio.internal"), or a name's sub-domains,
	// by a leading dot (".example.org", which is not example.org itself).
	AllowHosts []string `toml:"allow_hosts"`
	// AllowPrivateNetworks lets originals be at private and loopback addresses;
	// link-local and metadata addresses stay closed.
	AllowPrivateNetworks bool `toml:"allow_private_networks"`

	// These keys are the proxy's, which validates them; New refuses what is no URL.
	UpstreamURL string // upstream.url: serves the app's own originals
	PublicURL   string // server.public_url; "": unknown
}

// Defaults returns what an empty [source] stands for.
func Defaults() Config {
	return Config{
		ConnectTimeout: 5 * time.Second,
		ReadTimeout:    30 * time.Second,
		MaxBytes:       64 << 20,
		MaxPixels:      100_000_000,
		MaxRedirects:   10,
		RetryAfter:     30 * time.Second,
		UpstreamURL:    "http://127.0.0.1:8000",
	}
}

// Validate reports every problem of [source], joined.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, key, must string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: must be %s", key, must))
		}
	}
	check(c.ConnectTimeout > 0, "source.connect_timeout", "above 0")
	check(c.ReadTimeout > 0, "source.read_timeout", "above 0")
	check(c.MaxBytes >= 1, "source.max_bytes", "above 0")
	check(c.MaxPixels >= 1, "source.max_pixels", "above 0")
	check(c.MaxRedirects >= 0, "source.max_redirects", "0 or more")
	check(c.RetryAfter >= 0, "source.retry_after", "0 or more")
	for _, host := range c.AllowHosts {
		check(validHost(host), "source.allow_hosts",
			fmt.Sprintf("host names or addresses without scheme, port or wildcard, a leading dot for sub-domains (%q is not)", host))
	}
	return errors.Join(errs...)
}

func validHost(host string) bool {
	name := strings.TrimPrefix(host, ".")
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/@*[]? #") &&
		(!strings.Contains(name, ":") || isAddress(name))
}
