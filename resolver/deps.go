package resolver

import (
	"context"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Database is what the warm set asks; resolver/postgres implements it.
type Database interface {
	// Captures reads the captures and their thumbnail rows in one statement. An id
	// that the database does not have is absent from what is returned. Ending ctx ends
	// the wait and the query, not the connection. Errors wrap thumb.ErrDatabase.
	Captures(ctx context.Context, ids []thumb.ID) ([]thumb.Capture, error)
}

// URLs builds the storage URL of a file; both storages implement it.
type URLs interface {
	// AppendURL appends the storage URL of the file under key. The URL holds no
	// byte that JSON would escape, and stays the same until shortly before expires.
	AppendURL(dst, key []byte) (url []byte, expires time.Time)
}
