package config

import (
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes, written as "64MiB" (or KiB, GiB, kB, MB, GB, or a
// bare number of bytes).
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf(`must be a size such as "64MiB", not %q`, text)
	}
	*s = Size(n)
	return nil
}

// String returns the size as a configuration file has it.
func (s Size) String() string {
	for _, unit := range []struct {
		name  string
		bytes Size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= unit.bytes && s%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", s/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d", int64(s))
}

// MarshalText writes the size as a configuration file has it.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Duration is a length of time, written as "300ms", "5s" or "1h30m". It is never
// negative.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf(`must be a duration such as "300ms" or "5s", not %q`, text)
	}
	*d = Duration(parsed)
	return nil
}

// String returns the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as a configuration file has it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
