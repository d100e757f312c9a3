package responses

import (
	"errors"
	"fmt"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Config is [responses] of the configuration file, whose keys the tags name.
type Config struct {
	Enabled          bool          `toml:"enabled"`
	MaxSize          int64         `toml:"max_size,bytes,reload"`    // of live heap that all kept answers take
	MaxObject        int64         `toml:"max_object,bytes,reload"`  // of one body
	AnonymousPages   time.Duration `toml:"anonymous_pages,reload"`   // for which pages of which the app says nothing are used; 0: not at all
	AnonymousHeaders []string      `toml:"anonymous_headers,reload"` // further headers that such a request may have
	IgnoreCookies    []string      `toml:"ignore_cookies,reload"`    // names of cookies that count as none there; "*" at the end stands for anything
	StaleIfError     time.Duration `toml:"stale_if_error,reload"`    // for which such pages stand in while the app fails; 0: not at all
}

// Defaults returns the configuration that an empty file stands for.
func Defaults() Config {
	return Config{Enabled: true, MaxSize: 64 << 20, MaxObject: 4 << 20, IgnoreCookies: []string{"_ga", "_ga_*"}}
}

// Validate reports every problem of the configuration, joined; each begins with the key's
// name.
func (c Config) Validate() error {
	var errs []error
	if c.MaxSize < minSize || c.MaxSize > 1<<40 {
		errs = append(errs, errors.New(`responses.max_size: must be from "2MiB" to "1TiB"; enabled = false turns the cache off`))
	}
	if c.MaxObject < 1<<10 || c.MaxObject > c.MaxSize/4 {
		errs = append(errs, errors.New(`responses.max_object: must be from "1KiB" to a quarter of responses.max_size`))
	}
	if c.AnonymousPages < 0 || c.AnonymousPages > time.Hour {
		errs = append(errs, errors.New(`responses.anonymous_pages: must be from "0s" (off) to "1h"`))
	}
	if c.StaleIfError < 0 || c.StaleIfError > 7*24*time.Hour {
		errs = append(errs, errors.New(`responses.stale_if_error: must be from "0s" (off) to "168h"`))
	}
	for _, name := range c.AnonymousHeaders {
		if !field.IsToken([]byte(name)) || len(name) > 31 {
			errs = append(errs, fmt.Errorf("responses.anonymous_headers: %q must be a header's name of at most 31 bytes", name))
			continue
		}
		var q request
		if q.read([]byte(name+": x\r\n\r\n"), false); q.authorization || q.cookie || q.overrides {
			errs = append(errs, fmt.Errorf("responses.anonymous_headers: %q says who the client is, or what it asks for", name))
		}
	}
	for _, name := range c.IgnoreCookies {
		if !isCookiePattern(name) {
			errs = append(errs, fmt.Errorf(`responses.ignore_cookies: %q must be a cookie's name; "*" may stand at its end only, behind a letter`, name))
		}
	}
	return errors.Join(errs...)
}

func isCookiePattern(name string) bool {
	if n := len(name) - 1; n > 0 && name[n] == '*' {
		name = name[:n]
	}
	for i := range len(name) {
		if name[i] == '*' {
			return false
		}
	}
	return field.IsToken([]byte(name))
}
