package signing

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// leastKey is how long a key must be, in bytes: as long as what HMAC-SHA256 gives.
const leastKey = 32

// Config is [signing]. Without keys nothing is signed and no signature is one.
type Config struct {
	// Keys are secrets that all replicas share. The first one signs, all verify: a new
	// one is appended everywhere, then moved to the front, and the old one dropped after
	// Lifetime.
	Keys []string `toml:"keys,secret"`
	// Lifetime is how long a signed URL works at most; at least half of it is left when
	// the URL reaches a client.
	Lifetime time.Duration `toml:"lifetime"`
}

// Defaults returns the configuration that an empty file stands for.
func Defaults() Config { return Config{Lifetime: time.Hour} }

// Enabled says whether anything is signed.
func (c Config) Enabled() bool { return len(c.Keys) > 0 }

// Validate reports every problem of the configuration, joined; each begins with the key's
// name, and none shows a key.
func (c Config) Validate() error {
	var errs []error
	for i, key := range c.Keys {
		if len(key) < leastKey {
			errs = append(errs, fmt.Errorf("signing.keys: key %d has %d bytes, %d are needed: `openssl rand -base64 32` makes one", i+1, len(key), leastKey))
		}
		if slices.Contains(c.Keys[:i], key) {
			errs = append(errs, fmt.Errorf("signing.keys: key %d is there twice", i+1))
		}
	}
	if c.Lifetime < 10*time.Second || c.Lifetime > 7*24*time.Hour || c.Lifetime%(2*time.Second) != 0 {
		errs = append(errs, errors.New("signing.lifetime: must be from 10s to 168h, in whole seconds that are even"))
	}
	return errors.Join(errs...)
}

func (c Config) validateFor(site string) error {
	var errs []error
	if len(c.Keys) == 0 {
		errs = append(errs, errors.New("signing.keys: none"))
	}
	if site == "" || len(site) > 1<<10 {
		errs = append(errs, errors.New("the site has no identity to sign for"))
	}
	return errors.Join(append(errs, c.Validate())...)
}

// KeyIDs names the keys in their order, so that operators can compare those of replicas.
func (c Config) KeyIDs() []string {
	var ids []string
	for _, secret := range c.Keys {
		ids = append(ids, newKey([]byte(secret), "").id)
	}
	return ids
}
