package imaging

import (
	"context"
	"io"
	"time"

	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Database is what the cold path needs of PostgreSQL; resolver/postgres
// implements it. Every method is one transaction, bounded in time by the
// implementation as well as by ctx. Errors wrap thumb.ErrDatabase unless said
// otherwise.
type Database interface {
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
	// Discard records files for deletion after a delay, before they are stored: a
	// process may die before it has written their rows.
	Discard(ctx context.Context, id thumb.ID, paths []string, after time.Duration) error
	// Sweep claims up to limit files whose time has come, hands each that no row
	// names to remove, and forgets those that were removed. Two replicas never
	// get the same file. It returns how many it forgot.
	Sweep(ctx context.Context, limit int, remove func(ctx context.Context, id thumb.ID, path string) error) (int, error)
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

// File is a stored file as List finds it.
type File struct {
	Key      string
	Size     int64
	Modified time.Time // by the storage's clock
}

// Buckets signs URLs of originals that lie in a deployment's own bucket.
type Buckets = source.Buckets
