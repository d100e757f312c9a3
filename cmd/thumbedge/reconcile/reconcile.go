// Package reconcile finds what the rows and the files of thumbnails disagree
// about, and repairs it where it is told to.
//
// It walks over all rows by primary key and asks the storage for each one's file,
// then over all files by key and asks the database which ones rows name. Nothing
// is removed before both walks are over: what would go is kept in lists, in schema
// thumbedge. Only then is it known whether so much would go that the database or the
// storage is not the one that is meant, and such a run is refused (refuse.go).
//
// Both walks hold one portion (500) in memory, whatever their length, and what the
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

	"golang.org/x/time/rate"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/postgres"
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
	// Unremember drops the values under every name that begins with prefix.
	Unremember(ctx context.Context, prefix string) error
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

// The names under which runs are remembered.
const (
	// LastRun is the Summary of the last run that came to its end, and LastPrivateRun
	// that of private storage.
	LastRun        = "reconcile_last"
	LastPrivateRun = ofPrivate + LastRun
	position       = "reconcile_position"
	ofPrivate      = "private_"
)

// name returns the name under which this run remembers something.
func (r *run) name(name string) string {
	if r.cfg.Private {
		return ofPrivate + name
	}
	return name
}

// The phases of a run, in their order. The last two are those of Config.Apply.
const (
	PhaseRows     = "rows"
	PhaseFiles    = "files"
	PhaseRemoving = "removing rows"
	PhaseDeleting = "deleting files"
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

// stateVersion is that of state: a run that another version of it began is not gone
// on with.
const stateVersion = 2

// state is what is remembered of a run in progress.
type state struct {
	Version   int       `json:"version"`
	Place     string    `json:"place"`
	Apply     bool      `json:"apply"`
	Force     int64     `json:"force"`
	SinceText string    `json:"since_text"`
	Since     time.Time `json:"since"`
	Phase     string    `json:"phase"`
	AfterRow  int64     `json:"after_row"`
	AfterFile string    `json:"after_file"`
	Gone      list      `json:"gone"`    // rows whose file is gone
	Unnamed   list      `json:"unnamed"` // files that no row names
	Summary   Summary   `json:"summary"`
}

// run is one run.
type run struct {
	state
	cfg     Config
	db      Database
	storage Storage
	pace    *rate.Limiter
	tell    func(Progress)
	total   int64 // rows, about
}

// Run looks at everything, repairs it where cfg.Apply is set, and returns what it
// found. It tells of its progress from its own goroutine. An error leaves the
// position remembered, and the next Run goes on there; but for ErrRefused, after
// which nothing was removed and the next one begins anew.
func Run(ctx context.Context, cfg Config, db Database, storage Storage, tell func(Progress)) (Summary, error) {
	if err := cfg.Validate(); err != nil {
		return Summary{}, err
	}
	r := &run{cfg: cfg, db: db, storage: storage, pace: rate.NewLimiter(rate.Limit(cfg.Rate), 1), tell: tell}
	if err := r.begin(ctx); err != nil {
		return r.Summary, err
	}
	for _, phase := range []struct {
		name string
		work func(context.Context) error
		next string
	}{
		{PhaseRows, r.rows, PhaseFiles},
		{PhaseFiles, r.files, PhaseRemoving},
		{PhaseRemoving, r.removeRows, PhaseDeleting},
		{PhaseDeleting, r.deleteFiles, ""},
	} {
		if r.Phase != phase.name {
			continue
		}
		if phase.name == PhaseRemoving || phase.name == PhaseDeleting {
			r.Summary.Refused = r.refusal()
			if !r.Apply {
				break
			}
			if r.Summary.Refused != "" {
				return r.Summary, errors.Join(r.end(ctx), &RefusedError{r.Summary.Refused})
			}
		}
		if err := phase.work(ctx); err != nil {
			return r.Summary, err
		}
		r.Phase = phase.next
		if err := r.save(ctx); err != nil {
			return r.Summary, err
		}
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
		saved, err := r.db.Remembered(ctx, r.name(position))
		if err != nil {
			return err
		}
		var s state
		// One that can't be read, or null, is none.
		if json.Unmarshal(saved, &s) == nil && s.Phase != "" && s.Version == stateVersion && s.Place == r.cfg.Place &&
			s.Apply == r.cfg.Apply && s.Force == r.cfg.Force && s.SinceText == r.cfg.SinceText {
			r.state = s
			r.Summary.Resumed = true
			return nil
		}
	}
	r.state = state{
		Version: stateVersion, Place: r.cfg.Place, Apply: r.cfg.Apply, Force: r.cfg.Force,
		SinceText: r.cfg.SinceText, Since: r.cfg.Since, Phase: PhaseRows, Gone: list{Name: "gone"}, Unnamed: list{Name: "unnamed"},
	}
	r.Summary = Summary{Started: time.Now().UTC(), Apply: r.cfg.Apply}
	if !r.Since.IsZero() {
		r.Summary.Since = &r.Since
	}
	if !r.Apply {
		return nil
	}
	return r.beginLists(ctx)
}

func (r *run) save(ctx context.Context) error { return r.remember(ctx, r.name(position), r.state) }

// end remembers the run as the last one, and that none is in progress.
func (r *run) end(ctx context.Context) error {
	r.Summary.Finished = time.Now().UTC()
	if err := r.remember(ctx, r.name(LastRun), r.Summary); err != nil {
		return err
	}
	if err := r.remember(ctx, r.name(position), nil); err != nil {
		return err
	}
	if !r.Apply {
		return nil
	}
	return r.db.Unremember(ctx, r.name(listPrefix))
}

func (r *run) remember(ctx context.Context, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("remembering %s: %w", name, err)
	}
	return r.db.Remember(ctx, name, text)
}
