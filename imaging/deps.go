package imaging

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Database is what the cold path needs of PostgreSQL; resolver/postgres
// implements it. Every method is one transaction, bounded in time by the
// implementation as well as by ctx. Errors wrap thumb.ErrDatabase unless said
// otherwise.
type Database interface {
	Rows
	// Lease takes the lease on a capture for holder, for ttl by the database's
	// clock, unless another holder's has not lapsed, and reads the capture, its
	// rows and its original in the same statement. A capture that does not exist
	// is thumb.ErrUnknownCapture, and leaves no lease. Without the thumbedge
	// schema the lease is always held.
	Lease(ctx context.Context, id thumb.ID, holder string, ttl time.Duration) (thumb.Work, error)
	// Original reads what Lease reads, and takes no lease: Held is false.
	Original(ctx context.Context, id thumb.ID) (thumb.Work, error)
	// Prolong extends a lease that holder still has; held is false where it was
	// lost.
	Prolong(ctx context.Context, id thumb.ID, holder string, ttl time.Duration) (held bool, err error)
	// Release gives up a lease that holder still has, and does nothing otherwise.
	Release(ctx context.Context, id thumb.ID, holder string) error
	// Upsert writes rows of a capture, each of another label, and returns what became
	// of each, in their order. Where a row with a path, the same width and a strictly
	// later LastModified is there, it stays. The file that is not named any more, the
	// old row's or the new one's, is recorded for deletion after deleteAfter, in the
	// same transaction, and what Discard recorded of the file that is named now is
	// taken back. A capture that is gone (foreign key, at COMMIT) is
	// thumb.ErrUnknownCapture.
	Upsert(ctx context.Context, id thumb.ID, rows []thumb.Row, deleteAfter time.Duration) ([]thumb.Upserted, error)
}

// Rows is a table of thumbnail rows, as far as the files go that no row names.
type Rows interface {
	// Discard records files for deletion after a delay, before they are stored: a
	// process may die before it has written their rows.
	Discard(ctx context.Context, id thumb.ID, paths []string, after time.Duration) error
	// Sweep claims up to limit files whose time has come, hands each that no row
	// names to remove, and forgets those that were removed. Two replicas never
	// get the same file. It returns how many it forgot.
	Sweep(ctx context.Context, limit int, remove func(ctx context.Context, id thumb.ID, path string) error) (int, error)
}

// PrivateRows is the table of private thumbnails.
type PrivateRows interface {
	Rows
	// UpsertDraft is Database.Upsert for a draft of a project. The statement looks whether
	// the capture is that: one that is public is thumb.ErrPublic, any other
	// thumb.ErrNotPublic, or thumb.ErrUnknownCapture. The files are then recorded for
	// deletion.
	UpsertDraft(ctx context.Context, id thumb.ID, project int64, rows []thumb.Row, deleteAfter time.Duration) ([]thumb.Upserted, error)
	// RemoveOrphans looks at up to limit rows after a place in the table, and removes
	// those whose capture is gone or no draft any more; their files are recorded for
	// deletion in the same statement. Last is the place to go on from; 0: the end.
	RemoveOrphans(ctx context.Context, after int64, limit int, deleteAfter time.Duration) (removed int, last int64, err error)
	// RemoveOrphansOf does so among the rows of captures.
	RemoveOrphansOf(ctx context.Context, captures []thumb.ID, deleteAfter time.Duration) (removed int, err error)
}

// Drafts removes the public rows of projects that have turned draft.
type Drafts interface {
	// SeeDrafts takes note of which projects are drafts, and since when.
	SeeDrafts(ctx context.Context, deleteAfter time.Duration) error
	// ClaimDraft returns a project that has been a draft for deleteAfter, and that nobody
	// has looked at lately; 0: none. No other replica gets it for some minutes.
	ClaimDraft(ctx context.Context, deleteAfter time.Duration) (project int64, err error)
	// RemovePublic removes the public rows of up to limit captures of the project, by a
	// statement that looks whether it is a draft still, and has been one for deleteAfter;
	// their files are recorded for deletion in the same statement. Last is the capture to
	// go on after; 0: the end.
	RemovePublic(ctx context.Context, project int64, after thumb.ID, limit int, deleteAfter time.Duration) (removed int, last thumb.ID, err error)
	// DraftDone says when a project is to be looked at again.
	DraftDone(ctx context.Context, project int64, again time.Duration) error
}

// Storage is where thumbnails lie; imaging/s3 and imaging/filesystem implement
// it, and pass one conformance suite. Keys are as in thumbnail rows, without
// storage.location. A missing file is thumb.ErrFileMissing.
type Storage interface {
	// Put stores a JPEG under a key that was never used before. When it returns
	// nil, the file is confirmed: it is whole and will be there after a crash.
	Put(ctx context.Context, key string, jpeg []byte) error
	// Open opens a file for reading.
	Open(ctx context.Context, key string) (body io.ReadCloser, size int64, err error)
	// Exists says whether a file is there.
	Exists(ctx context.Context, key string) (bool, error)
	// Delete removes a file; one that is not there is no error.
	Delete(ctx context.Context, key string) error
	// List calls each for every file whose key begins with prefix and sorts after
	// the key after, in the bytewise order of keys, until one returns an error.
	List(ctx context.Context, prefix, after string, each func(File) error) error
	// StorageURLs says how the URLs of the files are written at this moment. Its Base
	// never changes, and the same file has the same URL until shortly before Expires.
	StorageURLs() thumb.StorageURLs
}

// Tracer follows what is done for a client's request by spans. Its methods are called
// from many goroutines.
type Tracer interface {
	// Recording says whether ctx holds a span that is recorded.
	Recording(ctx context.Context) bool
	// Adopt returns ctx with the span that another context holds.
	Adopt(ctx, from context.Context) context.Context
	// Link says on the span that ctx holds that the one which other holds has to do with it.
	Link(ctx, other context.Context)
	// Span begins a span below the one that ctx holds. The context that it returns holds
	// the new one; end is nil where nothing is recorded. Failure is the kind of error, in
	// a word; "": it went well.
	Span(ctx context.Context, name string) (within context.Context, end func(failure string, attributes ...slog.Attr))
}

// File is a stored file as List finds it.
type File struct {
	Key      string
	Size     int64
	Modified time.Time // by the storage's clock
}

// Buckets signs URLs of originals that lie in a deployment's own bucket.
type Buckets = source.Buckets
