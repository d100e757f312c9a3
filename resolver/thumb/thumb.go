// Package thumb is the vocabulary that every other package of thumbedge shares:
// capture, label, spec, thumbnail row, verdict, original, lease, and the errors
// that travel between packages. It holds the one predicate that says whether a
// thumbnail row is valid (Judge) and the one scheme by which files are named
// (Keys).
//
// It knows nothing outside the standard library and none of the other packages,
// so that proxy, resolver and imaging can talk to each other without importing
// each other.
package thumb

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// ID identifies a capture. Valid ids are positive 64-bit integers; zero is never
// a capture.
type ID int64

// ParseID reads a capture id as it stands in a route URL: decimal digits only,
// from 1 to 2^63-1. Leading zeros are accepted, as the app's integer converter
// accepts them; signs, spaces and everything else are not.
func ParseID[T string | []byte](s T) (ID, bool) {
	if len(s) == 0 || len(s) > 64 {
		return 0, false
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		d := uint64(s[i] - '0')
		if d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return ID(n), n > 0
}

// Hash spreads ids, which are dense, over 64 bits, each id to another number.
func (id ID) Hash() uint64 {
	x := uint64(id)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Client tells one client from another, for fairness between them: a number made of its
// address, which means nothing else.
type Client uint64

// Nobody is the client of work that no client waits for.
const Nobody Client = 0

// MaxSpecs is how many labels a configuration may have. An Known holds its
// verdicts in an array of this length, so that asking for one allocates nothing.
const MaxSpecs = 8

// Spec is a configured thumbnail size under its label.
type Spec struct {
	Label  string `toml:"label"`  // as in the route URL's query, 1 to 255 bytes
	Width  int    `toml:"width"`  // pixels; the row stores this width, whatever the encoder made
	Height int    `toml:"height"` // pixels; 0: follows from the width
	// FallbackOriginal says whether a client may be sent to the original when
	// this label cannot be rendered. Default: true for the smallest label only.
	FallbackOriginal bool `toml:"fallback_original"`
}

// Specs are the configured sizes, in their order; the first is the default.
type Specs []Spec

// Index returns the position of label, the default's for an empty label, and -1
// for one that is not configured.
func (s Specs) Index(label string) int {
	if label == "" {
		return 0
	}
	for i := range s {
		if s[i].Label == label {
			return i
		}
	}
	return -1
}

// SetDefaults fills in what a configuration file did not say of a spec: said tells
// whether it named the key.
func (s Specs) SetDefaults(said func(item int, key string) bool) {
	smallest := 0
	for i := range s {
		if s[i].Width < s[smallest].Width {
			smallest = i
		}
	}
	for i := range s {
		if !said(i, "fallback_original") {
			s[i].FallbackOriginal = i == smallest
		}
	}
}

// Validate reports every problem of the specs, joined: none at all, too many, a
// label that could not stand in a key or a query, a repeated label, a width that
// is not positive.
func (s Specs) Validate() error {
	var errs []error
	if len(s) == 0 {
		errs = append(errs, errors.New("thumbnails: at least one label is needed"))
	}
	if len(s) > MaxSpecs {
		errs = append(errs, fmt.Errorf("thumbnails: %d labels, at most %d are possible", len(s), MaxSpecs))
	}
	for i, spec := range s {
		if spec.Label == "" || len(spec.Label) > 64 || strings.Trim(spec.Label, labelBytes) != "" {
			errs = append(errs, fmt.Errorf("thumbnails: label %q must be 1 to 64 of a-z, A-Z, 0-9, '-' and '_'", spec.Label))
		}
		if s.Index(spec.Label) != i {
			errs = append(errs, fmt.Errorf("thumbnails: label %q is configured twice", spec.Label))
		}
		if spec.Width < 1 || spec.Width > 65500 || spec.Height < 0 || spec.Height > 65500 {
			errs = append(errs, fmt.Errorf("thumbnails: label %q is %dx%d, width must be 1 to 65500 and height 0 to 65500", spec.Label, spec.Width, spec.Height))
		}
	}
	return errors.Join(errs...)
}

const labelBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// Row is a thumbnail row: the database's record that a thumbnail was made.
type Row struct {
	Label        string
	Path         string    // the file's key, without storage.location
	Width        int       // the spec's width at the time, not the encoder's
	Height       int       // the encoder's
	Size         int64     // bytes
	LastModified time.Time // version of the original it was made from; zero: null
	UpdatedAt    time.Time // by the database's clock
}

// Capture is what one statement read about a capture and its thumbnail rows.
type Capture struct {
	ID     ID
	Public bool // anyone may see it: it has a project, and that is no draft
	// Draft: it has a project, and that is a draft. Never set beside Public, nor where
	// there is no private storage.
	Draft        bool
	Project      int64     // where Draft is set
	LastModified time.Time // of the original, as the app recorded it; zero: null
	Rows         []Row     // in no order, at most one a label
	// PrivateRows are those of the private thumbnails; in no order, at most one a label.
	PrivateRows []Row
}

// AddRow adds a row to those that count: a draft's to its private ones.
func (c *Capture) AddRow(row Row) {
	if c.Draft {
		c.PrivateRows = append(c.PrivateRows, row)
	} else {
		c.Rows = append(c.Rows, row)
	}
}

// Row returns the row with label, or nil. A draft's is that of its private thumbnail:
// what the app's table says of it is of the time when it was public.
func (c *Capture) Row(label string) *Row {
	rows := c.Rows
	if c.Draft {
		rows = c.PrivateRows
	}
	for i := range rows {
		if rows[i].Label == label {
			return &rows[i]
		}
	}
	return nil
}

// Verdict is what is known of one label of one capture.
type Verdict uint8

// The verdicts. Undecided is the zero value: nobody could say, so the app's
// answer stands.
const (
	Undecided Verdict = iota
	Cold              // no row
	Stale             // a row that is not valid: treated as cold, counted apart
	Warm              // a valid row
)

// String returns the verdict as metrics and logs name it.
func (v Verdict) String() string {
	return [...]string{"undecided", "cold", "stale", "warm"}[v]
}

// Judge is the valid predicate, the only one: warm when the row exists, names a
// file, has the spec's width, and the original has not changed since (both times
// known, and the row's earlier). Row is nil where there is none.
func Judge(row *Row, spec Spec, captureModified time.Time) Verdict {
	switch {
	case row == nil:
		return Cold
	case row.Path == "" || row.Width != spec.Width:
		return Stale
	case !row.LastModified.IsZero() && !captureModified.IsZero() && row.LastModified.Before(captureModified):
		return Stale
	}
	return Warm
}
