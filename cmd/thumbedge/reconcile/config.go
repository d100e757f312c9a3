package reconcile

import (
	"errors"
	"fmt"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says what a run looks at, and what it may do: [reconcile] of the configuration
// file, whose keys the tags name, and the flags of the command.
type Config struct {
	Specs thumb.Specs
	Keys  thumb.Keys // storage.prefix, or storage.private.prefix
	// Private says that it is private storage, whose runs are remembered apart.
	Private bool
	// Place names the storage. A run that was cut off goes on only where it is the same:
	// what was found in another bucket says nothing of this one.
	Place string
	Rate  int           `toml:"rate"`  // requests a second to the storage, at most
	Grace time.Duration `toml:"grace"` // younger files are never touched
	Apply bool          // repair; otherwise a dry run, which changes nothing
	Since time.Time     // rows updated before are left out; zero: all rows
	// SinceText is Since as it was asked for. A run that was cut off goes on only
	// where it is the same, and keeps its own Since.
	SinceText string
	Restart   bool // forget where an earlier run was cut off
	// Force is how many rows and files together may go although that is a large share,
	// and with a grace below SafeGrace; 0: no more than the share allows. A run that
	// would remove more than Force is refused, whatever the share.
	Force int64
}

// Defaults returns the configuration that an empty [reconcile] stands for.
func Defaults() Config { return Config{Rate: 200, Grace: 24 * time.Hour} }

// Validate reports every problem, joined, each under its key.
func (c Config) Validate() error {
	var errs []error
	if c.Rate < 1 {
		errs = append(errs, errors.New("reconcile.rate: must be above 0"))
	}
	if c.Force < 0 {
		errs = append(errs, errors.New("--force: must not be negative"))
	}
	switch {
	case c.Grace < 0:
		errs = append(errs, errors.New("reconcile.grace: must not be negative"))
	case c.Apply && c.Grace < SafeGrace && c.Force == 0:
		errs = append(errs, fmt.Errorf("reconcile.grace: %v is less than the %v in which a file's row may still come, "+
			"so that --apply could delete a file that is about to be named; --force N goes on, and removes N rows and files at most", c.Grace, SafeGrace))
	}
	return errors.Join(errs...)
}

// SafeGrace is the least grace with which files are deleted. A file comes before its
// row: with thumbedge by moments, in the app's own requests, which may be transactions
// as long as upstream.response_timeout, by up to 20 minutes.
const SafeGrace = 30 * time.Minute
