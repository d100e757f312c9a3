package tracing

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Config is [tracing].
type Config struct {
	Endpoint    string            `toml:"endpoint"`       // of the collector: OTLP over HTTP; "": nothing is traced
	Headers     map[string]string `toml:"headers,secret"` // that the collector is sent
	SampleRatio float64           `toml:"sample_ratio"`   // of the traces that begin here
	ServiceName string            `toml:"service_name"`
}

// Defaults returns the configuration that an empty file stands for.
func Defaults() Config { return Config{SampleRatio: 1, ServiceName: "thumbedge"} }

// Enabled says whether anything is traced.
func (c *Config) Enabled() bool { return c.Endpoint != "" }

// tracesPath is what OTLP has behind a collector's address.
const tracesPath = "/v1/traces"

// url is where the spans go.
func (c *Config) url() string {
	at := strings.TrimRight(c.Endpoint, "/")
	if strings.HasSuffix(at, tracesPath) {
		return at
	}
	return at + tracesPath
}

// Validate reports every problem of the configuration, joined.
func (c *Config) Validate() error {
	var errs []error
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		switch {
		case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https", u.RawQuery != "", u.Fragment != "":
			errs = append(errs, errors.New(`tracing.endpoint: must be the address of a collector that takes OTLP over HTTP, such as "http://127.0.0.1:4318"`))
		case u.User != nil:
			errs = append(errs, errors.New("tracing.endpoint: must hold no password; tracing.headers is for what the collector wants to see"))
		}
	}
	for name, value := range c.Headers {
		if !field.IsToken([]byte(name)) || field.HasControl([]byte(value)) || value == "" {
			errs = append(errs, fmt.Errorf("tracing.headers: %q is no header's name, or its value is empty or holds what no header may", name))
		}
	}
	if !(c.SampleRatio >= 0 && c.SampleRatio <= 1) { // NaN, too
		errs = append(errs, errors.New("tracing.sample_ratio: must be between 0 and 1"))
	}
	if c.ServiceName == "" {
		errs = append(errs, errors.New("tracing.service_name: must not be empty"))
	}
	return errors.Join(errs...)
}
