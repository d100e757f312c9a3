package thumb

import (
	"errors"
	"time"
)

// The errors that cross package boundaries. They are wrapped, never compared as
// text; the proxy's one table maps each to what the client sees.
var (
	// ErrUnknownCapture: a fresh read found no such capture, or it was deleted
	// while its thumbnail was being made.
	ErrUnknownCapture = errors.New("capture unknown")
	// ErrNotPublic: the capture is the app's to answer for.
	ErrNotPublic = errors.New("capture not public")
	// ErrPublic: the capture, of which a private thumbnail was asked for, is public.
	ErrPublic = errors.New("capture is public")
	// ErrBusy: a limit of the cold path is reached; a later try may succeed.
	ErrBusy = errors.New("busy")
	// ErrOriginalUnavailable: the original could not be fetched.
	ErrOriginalUnavailable = errors.New("original cannot be fetched")
	// ErrOriginalUnusable: the original is not an image that can be rendered, is
	// cut off, or is over a limit. It stays so until the capture changes.
	ErrOriginalUnusable = errors.New("original cannot be rendered")
	// ErrOriginalForApp: the original is an image, whole as far as can be told and
	// within every limit, in a format or a variant of one that cannot be decoded here
	// but perhaps by the app's renderer (animated WebP, JPEG 2000, most of TIFF). The
	// app is asked for the thumbnail. An error never wraps this and
	// ErrOriginalUnusable at once.
	ErrOriginalForApp = errors.New("only the app may render the original")
	// ErrUnshowable comes beside another of these errors: no browser could show the
	// original either, since it is not an image, or is one that only the app might have
	// rendered and did not.
	ErrUnshowable = errors.New("no browser can show it")
	// ErrTooBig and ErrCutOff come beside ErrOriginalUnusable: a limit is lower than the
	// original is large, or its data ends before its picture does.
	ErrTooBig = errors.New("too big")
	ErrCutOff = errors.New("cut off")
	// ErrHostSilent and ErrForbidden come beside ErrOriginalUnavailable: its host gave no
	// answer, or is at an address where [source] lets nothing be fetched from.
	ErrHostSilent = errors.New("no answer")
	ErrForbidden  = errors.New("forbidden address")
	// ErrDatabase: the database did not answer in its time.
	ErrDatabase = errors.New("database unavailable")
	// ErrInternal: a fault of thumbedge's own, such as a panic that was contained, or
	// a row that it cannot read. The database is well.
	ErrInternal = errors.New("internal fault")
	// ErrFileMissing: storage has no file under that key.
	ErrFileMissing = errors.New("file missing")
)

// Bucket is an S3 data source of a deployment: where its originals lie.
type Bucket struct {
	Name, Region, Prefix, AccessKey, SecretKey, EndpointURL string
}

// Original says where a capture's original lies, as the app's tables have it.
// With a Bucket it is Path in that bucket, read with its keys; otherwise
// PublicBaseURL joined with Path (RFC 3986; Path's leading slash dropped).
type Original struct {
	Path          string
	PublicBaseURL string
	Bucket        *Bucket // nil: not in a data source that needs keys
}

// Work is what the statement that takes a lease says: whether the lease was
// taken, and, read in the same statement, what there is to work from.
type Work struct {
	Held     bool          // the caller holds the lease now
	HeldFor  time.Duration // where another holds it: until it lapses, at most
	Capture  Capture
	Original Original
	Now      time.Time // the database's clock at that statement
}

// Version is the time that a row made from this work carries as its
// last_modified: the capture's own, or the database's clock where that is null.
// Clocks of different machines are never compared.
func (w *Work) Version() time.Time {
	if w.Capture.LastModified.IsZero() {
		return w.Now
	}
	return w.Capture.LastModified
}

// recently is how long a label that any replica rendered is left alone although
// its width is another spec's: two configurations during a rolling restart must
// not render the same capture in turns.
const recently = 60 * time.Second

// NeedsRender says whether spec has to be rendered for this work. Where it need
// not be, row names the file to send the client to.
func (w *Work) NeedsRender(spec Spec) (row *Row, needed bool) {
	row = w.Capture.Row(spec.Label)
	if Judge(row, spec, w.Capture.LastModified) == Warm {
		return row, false
	}
	if row == nil || row.Path == "" || row.Width == spec.Width {
		return row, true
	}
	// Only a row that is current but for its width is spared.
	sameWidth := spec
	sameWidth.Width = row.Width
	current := Judge(row, sameWidth, w.Capture.LastModified) == Warm
	return row, !current || w.Now.Sub(row.UpdatedAt) >= recently
}

// Upserted says what became of a row that was handed to the database.
type Upserted struct {
	// Path that the row names now: the caller's, or that of a row that is valid
	// for the same width and strictly later, which an upsert never overwrites.
	Path string
	// Won says whether the row is the caller's. Where it is not, the caller's
	// file was recorded for deletion.
	Won bool
}
