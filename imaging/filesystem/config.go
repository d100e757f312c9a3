package filesystem

import (
	"errors"
	"fmt"
	"strings"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says which folder thumbnails lie in, and at which URLs browsers find
// them. The tags name the keys of [storage].
type Config struct {
	// Root is the folder that keys are relative to, the app's MEDIA_ROOT. It must
	// be there: one that is made anew would hide a volume that is not mounted.
	Root string `toml:"root"`
	// URLPath is where the site serves Root, the app's MEDIA_URL.
	URLPath string `toml:"url_path"`
	// Private is that of private storage: its files have no URL, and nobody but this
	// user may read them. There is no key for it.
	Private bool
}

// Defaults returns the configuration of an empty [storage], but for the root.
func Defaults() Config { return Config{URLPath: "/media/"} }

// Validate reports every problem, joined, each under its key.
func (c Config) Validate() error {
	var errs []error
	if c.Root == "" {
		errs = append(errs, errors.New("storage.root: must be set for the filesystem driver"))
	}
	p := c.URLPath
	if c.Private {
		return errors.Join(errs...)
	}
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || !strings.HasSuffix(p, "/") || string(thumb.AppendEscaped(nil, p)) != p {
		errs = append(errs, fmt.Errorf("storage.url_path: %q must begin and end with a slash, and hold only what needs no escaping in a URL", p))
	}
	return errors.Join(errs...)
}
