package config

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// parseSize reads a number of bytes, written as "64MiB" (or KiB, GiB, kB, MB, GB, or
// a bare number of bytes).
func parseSize(text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf(`must be a size such as "64MiB", not %q`, text)
	}
	return int64(n), nil
}

// formatSize writes a number of bytes as parseSize reads it.
func formatSize(bytes int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.bytes && bytes%unit.bytes == 0 {
			return strconv.FormatInt(bytes/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

// parseDuration reads a length of time, written as "300ms", "5s" or "1h30m". It is
// never negative.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf(`must be a duration such as "300ms" or "5s", not %q`, text)
	}
	return d, nil
}
