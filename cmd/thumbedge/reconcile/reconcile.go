// Package reconcile finds what the rows and the files of thumbnails disagree
// about, and repairs it where it is told to.
//
// It walks over all rows by primary key and asks the storage for each one's file,
// then over all files by key and asks the database which ones rows name. Both
// walks hold one portion (500) in memory, whatever their length, and what the
// storage's listing itself holds: on the file system, the names in one folder.
//
// It is safe beside serve and the app. A row is removed only while it still names
// the path that was looked for, right after a second look found no file. A file is
// deleted only when it is older than the grace by the storage's clock, lies in a
// capture's folder, is not recorded for deletion already (those are deleted in
// their own time), and a second look at its age, and then at the rows, has just
// said so again. A store always comes before its row, and takes far less than the
// grace.
//
// Where it stands is remembered after every portion, in schema thumbedge, so that
// the next run goes on after a kill.
package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Database is what reconcile needs of PostgreSQL; resolver/postgres implements it.
type Database interface {
	// CountRows says how many thumbnail rows there are, for the time left.
	CountRows(ctx context.Context) (int64, error)
	// Rows returns up to limit rows whose primary keys are above after, in order.
	Rows(ctx context.Context, after int64, limit int) ([]postgres.StoredRow, error)
	// Named returns which paths a row names; a path that must not be deleted
	// counts as named.
	Named(ctx context.Context, paths []string) (map[string]bool, error)
	// Recorded returns which paths are recorded for deletion.
	Recorded(ctx context.Context, paths []string) (map[string]bool, error)
	// DeleteRow removes a row that still names path, and says whether it did.
	DeleteRow(ctx context.Context, id int64, path string) (bool, error)
	// Remembered returns what was remembered under a name, nil for nothing.
	Remembered(ctx context.Context, name string) (json.RawMessage, error)
	// Remember keeps a value under a name.
	Remember(ctx context.Context, name string, value json.RawMessage) error
}

// Storage is what reconcile needs of imaging.Storage.
type Storage interface {
	List(ctx context.Context, prefix, after string, each func(imaging.File) error) error
	Exists(ctx context.Context, key string) (bool, error)
	Delete(ctx context.Context, key string) error
}

var (
	_ Database = (*postgres.Store)(nil)
	_ Storage  = imaging.Storage(nil)
)

// Config says what a run looks at, and what it may do.
type Config struct {
	Specs thumb.Specs
	Keys  thumb.Keys    // storage.prefix
	Rate  int           // requests a second to the storage, at most
	Grace time.Duration // younger files are never touched
	Apply bool          // repair; otherwise a dry run, which changes nothing
	Since time.Time     // rows updated before are left out; zero: all rows
	// SinceText is Since as it was asked for. A run that was cut off goes on only
	// where it is the same, and keeps its own Since.
	SinceText string
	Restart   bool // forget where an earlier run was cut off
	// Force goes on where a whole portion has no match at all, which looks like
	// the wrong bucket or database, and with a grace below SafeGrace.
	Force bool
}

// Validate reports every problem, joined, each under its key.
func (c Config) Validate() error {
	var errs []error
	if c.Rate < 1 {
		errs = append(errs, errors.New("reconcile.rate: must be above 0"))
	}
	switch {
	case c.Grace < 0:
		errs = append(errs, errors.New("reconcile.grace: must not be negative"))
	case c.Apply && c.Grace < SafeGrace && !c.Force:
		errs = append(errs, fmt.Errorf("reconcile.grace: %v is less than the %v in which a file's row may still come, "+
			"so that --apply could delete a file that is about to be named; --force goes on", c.Grace, SafeGrace))
	}
	return errors.Join(errs...)
}

// SafeGrace is the least grace with which files are deleted. A file comes before its
// row: with thumbedge by moments, in the app's own requests, which may be transactions
// as long as upstream.response_timeout, by up to 20 minutes.
const SafeGrace = 30 * time.Minute

// The names under which runs are remembered.
const (
	// LastRun is the Summary of the last run that came to its end.
	LastRun  = "reconcile_last"
	position = "reconcile_position"
)

// The phases of a run, in their order.
const (
	PhaseRows  = "rows"
	PhaseFiles = "files"
)

// portion is how many rows or files are held and looked at together.
const portion = 500

// Progress says how far a run is. It is told when a phase begins, and after every
// portion.
type Progress struct {
	Phase string
	Done  int64
	Total int64 // an estimate; Done may pass it
}

// state is what is remembered of a run in progress.
type state struct {
	Apply     bool      `json:"apply"`
	SinceText string    `json:"since_text"`
	Since     time.Time `json:"since"`
	Phase     string    `json:"phase"`
	AfterRow  int64     `json:"after_row"`
	AfterFile string    `json:"after_file"`
	Summary   Summary   `json:"summary"`
}

// run is one run.
type run struct {
	state
	cfg     Config
	db      Database
	storage Storage
	pace    *pace
	tell    func(Progress)
	total   int64 // rows, about
}

// Run looks at everything, repairs it where cfg.Apply is set, and returns what it
// found. It tells of its progress from its own goroutine. An error leaves the
// position remembered: the next Run goes on there.
func Run(ctx context.Context, cfg Config, db Database, storage Storage, tell func(Progress)) (Summary, error) {
	if err := cfg.Validate(); err != nil {
		return Summary{}, err
	}
	r := &run{cfg: cfg, db: db, storage: storage, pace: newPace(cfg.Rate), tell: tell}
	if err := r.begin(ctx); err != nil {
		return r.Summary, err
	}
	if r.Phase == PhaseRows {
		if err := r.rows(ctx); err != nil {
			return r.Summary, err
		}
		r.Phase = PhaseFiles
		if err := r.save(ctx); err != nil {
			return r.Summary, err
		}
	}
	if err := r.files(ctx); err != nil {
		return r.Summary, err
	}
	return r.Summary, r.end(ctx)
}

// begin goes on where a run of the same kind was cut off, or starts anew.
func (r *run) begin(ctx context.Context) error {
	var err error
	if r.total, err = r.db.CountRows(ctx); err != nil {
		return err
	}
	if !r.cfg.Restart {
		saved, err := r.db.Remembered(ctx, position)
		if err != nil {
			return err
		}
		var s state
		// One that can't be read, or null, is none.
		if json.Unmarshal(saved, &s) == nil && s.Phase != "" && s.Apply == r.cfg.Apply && s.SinceText == r.cfg.SinceText {
			r.state = s
			r.Summary.Resumed = true
			return nil
		}
	}
	r.state = state{Apply: r.cfg.Apply, SinceText: r.cfg.SinceText, Since: r.cfg.Since, Phase: PhaseRows}
	r.Summary = Summary{Started: time.Now().UTC(), Apply: r.cfg.Apply}
	if !r.Since.IsZero() {
		r.Summary.Since = &r.Since
	}
	return nil
}

func (r *run) save(ctx context.Context) error { return r.remember(ctx, position, r.state) }

// end remembers the run as the last one, and that none is in progress.
func (r *run) end(ctx context.Context) error {
	r.Summary.Finished = time.Now().UTC()
	if err := r.remember(ctx, LastRun, r.Summary); err != nil {
		return err
	}
	return r.remember(ctx, position, nil)
}

func (r *run) remember(ctx context.Context, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("remembering %s: %w", name, err)
	}
	return r.db.Remember(ctx, name, text)
}
