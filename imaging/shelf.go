package imaging

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// shelf is where thumbnails are kept: a storage, and the table of the rows that name its
// files. There are two. Public captures' thumbnails lie on the one and those of drafts on
// the other, and no job has to do with both.
type shelf struct {
	storage Storage
	rows    Rows
	// upsert writes rows of a job's capture, as Database.Upsert does.
	upsert    func(ctx context.Context, j *job, rows []thumb.Row) ([]thumb.Upserted, error)
	keys      thumb.Keys
	mayDelete func(ctx context.Context) error // nil: always
	breaker   breaker
	behind    atomic.Int32 // Puts that heed no context, and that nobody waits for any more
	private   bool
}

// at is the thumbnail whose file lies under path. Where the storage has no URLs, the proxy
// serves the file itself.
func (s *shelf) at(path string) Thumbnail {
	urls := s.storage.StorageURLs()
	if s.private && urls.Base == "" {
		return Thumbnail{Key: path}
	}
	return Thumbnail{URL: urls.Of(path), Expires: urls.Expires}
}

// holds says whether a path is that of a file in the capture's folder. Anything else, which
// a changed prefix or a row of the app's may have left, is not ours to touch.
func (s *shelf) holds(id thumb.ID, path string) bool {
	name, under := strings.CutPrefix(path, string(s.keys.AppendFolder(nil, id)))
	return under && name != "" && !strings.Contains(name, "/")
}

// failures are those of the thumbnails that lie on the shelf, by the positions of labels.
func (s *shelf) failures(by *labelled) *failures {
	if s.private {
		return by.private
	}
	return by.public
}

// admits says why a capture's thumbnail must not lie on the shelf of a job: nil where it may.
func (j *job) admits(c *thumb.Capture) error {
	switch {
	case j.project == 0 && c.Public, j.project != 0 && c.Draft && c.Project == j.project:
		return nil
	case c.Public:
		return thumb.ErrPublic
	}
	return thumb.ErrNotPublic
}

// shelves are both, or the one that there is.
func (r *Renderer) shelves() []*shelf {
	if r.private == nil {
		return []*shelf{r.public}
	}
	return []*shelf{r.public, r.private}
}

// newShelves makes them.
func (r *Renderer) newShelves(deps Deps) {
	r.public = &shelf{
		storage: deps.Storage, rows: deps.Database, keys: r.cfg().Keys, mayDelete: deps.MayDelete, breaker: breaker{began: time.Now()},
		upsert: func(ctx context.Context, j *job, rows []thumb.Row) ([]thumb.Upserted, error) {
			return deps.Database.Upsert(ctx, j.id, rows, r.cfg().DeleteAfter)
		},
	}
	if deps.Private == nil {
		return
	}
	private := deps.Private
	r.private = &shelf{
		storage: private.Storage, rows: private.Rows, keys: r.cfg().PrivateKeys, mayDelete: private.MayDelete, private: true, breaker: breaker{began: time.Now()},
		upsert: func(ctx context.Context, j *job, rows []thumb.Row) ([]thumb.Upserted, error) {
			return private.Rows.UpsertDraft(ctx, j.id, j.project, rows, r.cfg().DeleteAfter)
		},
	}
}
