package imaging

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says how cold thumbnails are made: [[thumbnails]], [render], [source] of the
// configuration file, whose keys the tags name, and the keys named below.
type Config struct {
	Specs thumb.Specs
	Keys  thumb.Keys // storage.prefix
	// PrivateKeys is storage.private.prefix, and SweepRate how many rows a second are
	// removed at most when a project has turned draft (reconcile.rate).
	PrivateKeys thumb.Keys
	SweepRate   int
	Render      RenderConfig
	Source      source.Config
	ReplacedConfig
}

// ReplacedConfig is what [storage] says of replaced files.
type ReplacedConfig struct {
	DeleteAfter time.Duration `toml:"delete_after"` // that a replaced file is kept
}

// RenderConfig is [render]: what all cold work together may take.
//
// What the process holds for cold work is bounded by
//
//	render.memory                               decoding, scaling, encoding
//	+ max(source.max_bytes, render.memory / 4)  originals in hand
//	+ 16 MiB                                    pictures that storage did not take
//
// which is what State and the metrics show, each against its limit.
type RenderConfig struct {
	Workers int           `toml:"workers"`      // renders at once; 0: as many as Go may use cores, one fewer while others ask for pages
	Memory  int64         `toml:"memory,bytes"` // that all renders at once may take, as estimated
	Queue   int           `toml:"queue"`        // captures in hand beyond one a worker; the next is refused
	MaxWait time.Duration `toml:"max_wait"`     // that one capture spends waiting for its turns, at most
	Quality int           `toml:"quality"`      // of the JPEG, 1 to 100
}

// Defaults returns the configuration that an empty file stands for, but for the
// labels.
func Defaults() Config {
	return Config{
		Keys: "thumbnails/",
		Render: RenderConfig{
			Memory:  512 << 20,
			Queue:   256,
			MaxWait: 10 * time.Second,
			Quality: 82,
		},
		Source:         source.Defaults(),
		ReplacedConfig: ReplacedConfig{DeleteAfter: 24 * time.Hour},
	}
}

// maxQueue is half as many as clients have connections at once by default: each that waits
// takes a goroutine.
const maxQueue = 1 << 13

// Validate reports every problem of the configuration, joined.
func (c *Config) Validate() error {
	errs := []error{c.Specs.Validate(), c.Source.Validate()}
	check := func(ok bool, key, must string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: must be %s", key, must))
		}
	}
	check(c.Render.Workers >= 0 && c.Render.Workers <= 1024, "render.workers", "0 (as many as cores) to 1024")
	check(c.Render.Memory >= 1<<20, "render.memory", "1MiB or more")
	check(c.Render.Queue >= 1 && c.Render.Queue <= maxQueue, "render.queue", fmt.Sprintf("1 to %d", maxQueue))
	check(c.Render.MaxWait > 0, "render.max_wait", "above 0")
	check(c.Render.Quality >= 1 && c.Render.Quality <= 100, "render.quality", "1 to 100")
	check(c.DeleteAfter >= 0, "storage.delete_after", "0 or more")
	return errors.Join(errs...)
}

// workers is how many renders run at once.
func (c *RenderConfig) workers() int {
	if c.Workers > 0 {
		return c.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// busy returns what says that one worker fewer has to do; nil where the number is set.
func (c *RenderConfig) busy(others func() bool) func() bool {
	if c.Workers > 0 {
		return nil
	}
	return others
}

// turns is how many captures are worked on at once, from the lease to the row.
// Most of that is waiting, for the original and for storage, so it is some times
// the workers: one host of originals, which may have half of the turns, keeps the
// workers busy where a fetch takes five renders' time.
func (c *RenderConfig) turns() int { return min(12*c.workers(), c.captures()) }

// captures is how many captures may be in hand, waiting or worked on.
func (c *RenderConfig) captures() int { return c.workers() + c.Queue }

// originals is how many bytes of originals may be in hand.
func (c *Config) originals() int64 { return max(c.Source.MaxBytes, c.Render.Memory/4) }
