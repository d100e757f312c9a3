package resolver

import (
	"errors"
	"fmt"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says how much the warm set may hold and how long it is believed: [cache] of
// the configuration file, whose keys the tags name, and the keys named below.
type Config struct {
	// MaxSize is what the warm set takes at most, in bytes: live heap a
	// little less, resident memory up to a fifth more once garbage is collected and
	// handed back.
	MaxSize int64 `toml:"max_size,bytes"`
	// TTL is how long an entry is believed while the database's notifications
	// are heard, and TTLUnlistened while they are not, from the moment its query began.
	TTL           time.Duration `toml:"ttl"`
	TTLUnlistened time.Duration `toml:"ttl_unlistened"`
	// PageTimeout is how long a page waits for the database (database.page_timeout).
	PageTimeout time.Duration
	// Specs are the configured labels ([[thumbnails]]), in order.
	Specs thumb.Specs
	// Keys is the scheme of file names (storage.prefix).
	Keys thumb.Keys
	// PrivateKeys is that of private storage (storage.private.prefix).
	PrivateKeys thumb.Keys
}

// MinSize is the smallest MaxSize. Below it, what the warm set needs to stand at
// all would leave no room for captures.
const MinSize = 2 << 20

// Defaults returns the configuration that an empty file stands for, but for the
// labels.
func Defaults() Config {
	return Config{
		MaxSize:       64 << 20,
		TTL:           time.Hour,
		TTLUnlistened: 5 * time.Second,
		PageTimeout:   250 * time.Millisecond,
		Keys:          "thumbnails/",
	}
}

// Validate reports every problem of the configuration, joined.
func (c *Config) Validate() error {
	errs := []error{validSize(c.MaxSize)}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"cache.ttl", c.TTL}, {"cache.ttl_unlistened", c.TTLUnlistened}, {"database.page_timeout", c.PageTimeout}} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("%s: must be above 0", d.key))
		}
	}
	if c.TTLUnlistened > c.TTL {
		errs = append(errs, fmt.Errorf("cache.ttl_unlistened: must not be above cache.ttl (%v)", c.TTL))
	}
	return errors.Join(append(errs, c.Specs.Validate())...)
}

func validSize(bytes int64) error {
	if bytes < MinSize || bytes > maxSize {
		return fmt.Errorf("cache.max_size: must be from %dMiB to %dTiB", MinSize>>20, maxSize>>40)
	}
	return nil
}

const maxSize = 1 << 42
