package resolver

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// AppendURL appends the storage URL of a warm label to dst, and returns when it
// stops working (zero: never). It allocates nothing where dst has room for the
// URL. A draft's is that of its file in private storage: where that has no URLs, nothing is
// appended.
func (r *Reader) AppendURL(dst []byte, id thumb.ID, known *thumb.Known, position int) (url []byte, expires time.Time) {
	storage := &r.w.urls
	if known.Standing == thumb.Draft {
		storage = &r.w.privateURLs
	}
	urls := storage.now()
	return urls.Append(dst, id, known, r.cfg.Specs[position].Label, position), urls.Expires
}

// PublicURLs says how the storage URLs of public captures are written at this moment. A
// page takes it once.
func (r *Reader) PublicURLs() thumb.StorageURLs { return r.w.urls.now() }

// storageURLs are the URLs of one storage.
type storageURLs struct {
	URLs
	own thumb.Keys // see thumb.StorageURLs
}

// newStorageURLs takes the URLs of a storage, nil where it has none, and the keys under
// which its files lie.
func newStorageURLs(urls URLs, keys thumb.Keys) storageURLs {
	if urls == nil {
		return storageURLs{}
	}
	base := []byte(urls.StorageURLs().Base)
	return storageURLs{urls, thumb.Keys(thumb.AppendEscaped(base, string(keys)))}
}

func (s *storageURLs) now() thumb.StorageURLs {
	if s.URLs == nil {
		return thumb.StorageURLs{None: true}
	}
	urls := s.StorageURLs()
	urls.Own = s.own
	return urls
}

// AppendKey appends the key under which the file of a warm label lies in its storage:
// private storage, where the capture is a draft.
func (r *Reader) AppendKey(dst []byte, id thumb.ID, known *thumb.Known, position int) []byte {
	keys := r.cfg.Keys
	if known.Standing == thumb.Draft {
		keys = r.cfg.PrivateKeys
	}
	return known.AppendPath(dst, keys, id, r.cfg.Specs[position].Label, position)
}
