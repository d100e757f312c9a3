// Package site says whether a database and a storage belong together.
//
// Each bears the site's identity, which is random: the database in schema thumbedge,
// the storage in a file of its own. The database's also says for which database it was
// made, so that a dump that was restored elsewhere, whose configuration still names the
// original's storage, is not taken for the original. Whenever a pair is made its
// identity is a new one, so that nothing which bears an old one belongs to it.
//
// A pair is made by Pair, which `migrate up` calls, and by Adopt, which `reconcile --adopt`
// calls, by one at a time and only with proof: the files of the newest rows lie in the storage, or there is nothing
// on either side. What removes anything looks at the pair first.
//
// A physical copy of a cluster, such as a promoted standby, can't be told from its
// original.
package site

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Database is what is needed of PostgreSQL; resolver/postgres implements it.
type Database interface {
	Place(ctx context.Context) (postgres.Place, error)
	Site(ctx context.Context) (postgres.Site, error)
	SetSite(ctx context.Context, site postgres.Site) error
	// Alone runs do while nobody else does, in whatever process.
	Alone(ctx context.Context, do func(context.Context) error) error
	Newest(ctx context.Context, limit int) ([]postgres.NamedFile, error)
	CountRows(ctx context.Context) (int64, error)
}

// Storage is what is needed of the storage; both drivers implement it.
type Storage interface {
	// Site returns the identity that the storage bears; "": none.
	Site(ctx context.Context, prefix string) (string, error)
	// SetSite has the storage bear an identity, in place of any other; "": none.
	SetSite(ctx context.Context, prefix, identity string) error
	Open(ctx context.Context, key string) (body io.ReadCloser, size int64, err error)
	List(ctx context.Context, prefix, after string, each func(imaging.File) error) error
}

// Newest is how many of the newest rows have to have their files.
const Newest = 20

var (
	// ErrNotPaired says that neither the database nor the storage bears an identity.
	ErrNotPaired = errors.New("the database and the storage have not been paired yet")
	// ErrOther says that the two do not belong together.
	ErrOther = errors.New("the database and the storage do not belong together")
	// ErrNotProved says that a pair was not made.
	ErrNotProved = errors.New("the database and the storage were not paired")
)

// Check returns nil where the two belong together, else ErrNotPaired, ErrOther with what
// differs, or why it can't be said. It changes nothing.
func Check(ctx context.Context, db Database, storage Storage, keys thumb.Keys) error {
	recorded, err := db.Site(ctx)
	if err != nil {
		return err
	}
	borne, err := storage.Site(ctx, string(keys))
	if err != nil {
		return err
	}
	if recorded.Identity == "" && borne == "" {
		return ErrNotPaired
	}
	here, err := db.Place(ctx)
	if err != nil {
		return err
	}
	switch {
	case recorded.Identity == "":
		return fmt.Errorf("%w: the storage belongs to a site, and database %s does not say that it is that one's. "+
			"Is it the app's (database.url)?", ErrOther, here.Name)
	case !recorded.Place.Same(here):
		return fmt.Errorf("%w: %s was paired with a storage, and this is %s: a dump or a copy that was restored. "+
			"Does its configuration still name the original's storage?", ErrOther, describe(recorded.Place), describe(here))
	case borne == "":
		return fmt.Errorf("%w: database %s was paired with a storage on %s, and this storage bears no identity. "+
			"Is it the app's (storage.bucket, location, root, prefix), and its volume mounted?", ErrOther, here.Name, recorded.Made.UTC().Format(time.DateOnly))
	case borne != recorded.Identity:
		return fmt.Errorf("%w: the storage belongs to another site than database %s. "+
			"Are both the app's (database.url; storage.bucket, location, root, prefix)?", ErrOther, here.Name)
	}
	return nil
}

func describe(p postgres.Place) string {
	text := fmt.Sprintf("database %s (schema %s", p.Name, p.Schema)
	if p.System != "" {
		text += ", of the cluster " + p.System
	}
	return text + ")"
}

// Pair makes a pair of the two where neither bears an identity, as Adopt does, and says
// whether it did. Of several that do so at once one makes it, and the others find it made.
func Pair(ctx context.Context, db Database, storage Storage, keys thumb.Keys) (made bool, err error) {
	if Check(ctx, db, storage, keys) == nil {
		return false, nil
	}
	// Whatever else it said may be another's pair, half made.
	err = db.Alone(ctx, func(ctx context.Context) error {
		err := Check(ctx, db, storage, keys)
		if errors.Is(err, ErrNotPaired) {
			err = adopt(ctx, db, storage, keys, 0)
			made = err == nil
		}
		return err
	})
	return made, err
}

// Adopt makes a pair of the two, whatever they bore before, once there is proof that
// they belong together. Without proof it is ErrNotProved, unless force is at least the
// number of rows: how many may turn out to have no file.
func Adopt(ctx context.Context, db Database, storage Storage, keys thumb.Keys, force int64) error {
	return db.Alone(ctx, func(ctx context.Context) error { return adopt(ctx, db, storage, keys, force) })
}

// adopt is Adopt, for a caller that is alone: the two would bear the words of different
// ones where several wrote at once.
func adopt(ctx context.Context, db Database, storage Storage, keys thumb.Keys, force int64) error {
	if err := prove(ctx, db, storage, keys); err != nil {
		if !errors.Is(err, ErrNotProved) {
			return err
		}
		rows, countErr := db.CountRows(ctx)
		if countErr != nil {
			return countErr
		}
		if force < max(rows, 1) {
			return fmt.Errorf("%w. If it is the right storage, and was lost or emptied: --adopt --force %d, the number of rows", err, max(rows, 1))
		}
	}
	here, err := db.Place(ctx)
	if err != nil {
		return err
	}
	// The storage is written first: where it can't be, the database says nothing that
	// would not be so.
	made := postgres.Site{Identity: rand.Text(), Place: here}
	if err := storage.SetSite(ctx, string(keys), made.Identity); err != nil {
		return err
	}
	if err := db.SetSite(ctx, made); err != nil {
		return err
	}
	return Check(ctx, db, storage, keys)
}

// Part takes the storage's identity away, before that of the database goes. A storage
// that belongs to another site keeps its own.
func Part(ctx context.Context, db Database, storage Storage, keys thumb.Keys) error {
	err := Check(ctx, db, storage, keys)
	switch {
	case errors.Is(err, ErrNotPaired), errors.Is(err, ErrOther):
		return nil
	case err != nil:
		return err
	}
	return storage.SetSite(ctx, string(keys), "")
}

// prove looks for the files of the newest rows.
func prove(ctx context.Context, db Database, storage Storage, keys thumb.Keys) error {
	rows, err := db.Newest(ctx, Newest)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return proveEmpty(ctx, storage, keys)
	}
	missing, first := 0, ""
	for _, row := range rows {
		found, err := holds(ctx, storage, row)
		if err != nil {
			return err
		}
		if !found {
			if missing++; first == "" {
				first = row.Path
			}
		}
	}
	if missing > 0 {
		return fmt.Errorf("%w: of the newest %d rows' files %d are not in the storage as the rows say, such as %s", ErrNotProved, len(rows), missing, first)
	}
	return nil
}

// proveEmpty fails where the storage has a thumbnail, as the database has none.
func proveEmpty(ctx context.Context, storage Storage, keys thumb.Keys) error {
	errOne := errors.New("one")
	err := storage.List(ctx, string(keys)+"capture_", "", func(imaging.File) error { return errOne })
	if errors.Is(err, errOne) {
		return fmt.Errorf("%w: the storage holds thumbnails, and the database has no row of any", ErrNotProved)
	}
	return err
}

// holds says whether the storage has a row's file, of the row's size: the app's own
// names (small.jpg) are the same at every site.
func holds(ctx context.Context, storage Storage, row postgres.NamedFile) (bool, error) {
	body, size, err := storage.Open(ctx, row.Path)
	if errors.Is(err, thumb.ErrFileMissing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := body.Close(); err != nil {
		return false, err
	}
	return row.Size == 0 || row.Size == size, nil
}
