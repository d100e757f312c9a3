package resolver

import (
	"context"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Database is what the warm set asks; resolver/postgres implements it.
type Database interface {
	// Captures reads the captures and their thumbnail rows in one statement. An id
	// that the database does not have is absent from what is returned. Ending ctx ends
	// the wait and the query, not the connection. Errors wrap thumb.ErrDatabase.
	Captures(ctx context.Context, ids []thumb.ID) ([]thumb.Capture, error)
}

// URLs are those of a storage; both storages implement it.
type URLs interface {
	// StorageURLs says how they are written at this moment. Its Base never changes, and
	// the same file has the same URL until shortly before Expires.
	StorageURLs() thumb.StorageURLs
}
