package site

import (
	"context"
	"errors"
	"fmt"

	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Rows is what Look needs of the database.
type Rows interface {
	Newest(ctx context.Context, limit int) ([]postgres.NamedFile, error)
}

// Existing is what Look needs of the storage.
type Existing interface {
	Exists(ctx context.Context, key string) (bool, error)
}

var (
	// ErrAnswersAnything says that a file is claimed to be there which cannot be.
	ErrAnswersAnything = errors.New("it has a file that was never stored: is it a storage that answers there, or a page in its place?")
	// ErrOtherFiles says that most of the newest rows' files are not in the storage.
	ErrOtherFiles = errors.New("is the storage the app's (storage.bucket, endpoint, location, root, prefix)?")
)

// Seen is what Look saw of the newest rows' files.
type Seen struct {
	Rows, Missing int
	First         string // of those that are missing
}

func (s Seen) String() string {
	if s.Missing == 0 {
		return fmt.Sprintf("the files of the newest %d rows are there", s.Rows)
	}
	return fmt.Sprintf("of the newest %d rows' files %d are not there, such as %s", s.Rows, s.Missing, s.First)
}

// Look asks the storage for a file that cannot exist, and for those of the newest rows.
// A storage that answers by itself may still be another one than the app's: then every
// warm image is a 404. Without the database only the first is asked for.
func Look(ctx context.Context, db Rows, storage Existing, keys thumb.Keys, newest int) (Seen, error) {
	// No capture has the number 0.
	there, err := storage.Exists(ctx, string(keys)+"capture_0/probe.jpg")
	if err == nil && there {
		err = ErrAnswersAnything
	}
	if err != nil {
		return Seen{}, err
	}
	rows, err := db.Newest(ctx, newest)
	if err != nil {
		return Seen{}, nil //nolint:nilerr // the database's absence is not the storage's fault, and is told elsewhere
	}
	seen := Seen{Rows: len(rows)}
	for _, row := range rows {
		there, err := storage.Exists(ctx, row.Path)
		if err != nil {
			return seen, err
		}
		if !there {
			if seen.Missing++; seen.First == "" {
				seen.First = row.Path
			}
		}
	}
	if 2*seen.Missing > seen.Rows {
		return seen, fmt.Errorf("%v, so that most warm images are 404s: %w", seen, ErrOtherFiles)
	}
	return seen, nil
}
