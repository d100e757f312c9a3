package proxy

import (
	"context"
	"log/slog"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Resolver answers which captures are warm, and at which URL. The resolver
// package implements it; every method may be called from many goroutines.
type Resolver interface {
	// Resolve fills answers[i] with what is known of ids[i]; the ids are distinct.
	// It asks the database at most once, and waits for it no longer than the
	// configured page timeout. On an error the answers that were in memory are
	// there all the same and the others are Unresolved: a page goes out as the app
	// wrote it where nothing better is known.
	Resolve(ctx context.Context, ids []thumb.ID, answers []thumb.Known) error
	// Watch returns what says, as often as it is asked and from many goroutines, whether
	// all that is in memory of these captures now is what Resolve would tell then. It is
	// nil where that can't be said. Nobody changes ids any more.
	Watch(ids []thumb.ID) (unchanged func() bool)
	// Fresh reads one capture past the warm set, and remembers the answer. An
	// error wraps thumb.ErrDatabase.
	Fresh(ctx context.Context, id thumb.ID) (thumb.Known, error)
	// AppendURL appends the storage URL of a warm label to dst. The URL holds no
	// byte that JSON would escape. One that begins with a slash is on the site
	// itself. Expires is the moment from which it no longer works; zero: it has
	// none. The same label gives the same bytes until shortly before that.
	//
	// A draft's is that of its file in private storage, always signed by that storage;
	// nothing is appended where the proxy serves such files itself.
	AppendURL(dst []byte, id thumb.ID, answer *thumb.Known, position int) (url []byte, expires time.Time)
	// PublicURLs says how the storage URLs of public captures are written at this moment.
	// A page takes it once for all of its URLs.
	PublicURLs() thumb.StorageURLs
	// AppendKey appends the key under which the file of a warm label lies in its
	// storage: private storage, where the capture is a draft.
	AppendKey(dst []byte, id thumb.ID, answer *thumb.Known, position int) []byte
}

// Renderer makes thumbnails that are not there yet. The imaging package
// implements it; every method may be called from many goroutines.
type Renderer interface {
	// Thumbnail fetches, renders, stores and records the thumbnail of a capture,
	// together with whoever else asks for the same capture, and returns when it is
	// there, when it has failed, or when ctx ends. Clients take turns. A caller that
	// leaves cancels nobody else's work. Errors wrap one of thumb's errors.
	Thumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int) (Thumbnail, error)
	// PrivateThumbnail does the same for a capture of a draft project, in private
	// storage. It is for a request that a valid signature came with, which names the
	// project. A capture that is public by now is thumb.ErrPublic: it is answered for as
	// any other. One that is not that project's, or where there is no private storage,
	// is thumb.ErrNotPublic: the signature stands for nothing any more.
	PrivateThumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int, project int64) (Thumbnail, error)
	// PrivateReady says whether private storage is there, and took and gave files when
	// it last had to, as far as is known. It neither waits nor asks.
	PrivateReady() bool
	// Failed says whether a label is remembered not to be had here: its original cannot
	// be fetched or rendered, or only the app may render it. It neither waits nor asks.
	Failed(id thumb.ID, position int) bool
	// OriginalURL returns a URL at which anyone may fetch the original of a public
	// capture for the next five minutes at least, or "" where there is none that a
	// browser may be sent to.
	OriginalURL(ctx context.Context, id thumb.ID) (string, error)
	// AppFailed is told that the app did not render a label either, after Thumbnail
	// gave thumb.ErrOriginalForApp: because it refuses that original, or because it
	// failed just now.
	AppFailed(id thumb.ID, position int, refused bool)
	// Prefetch starts on a label that a page showed cold, at a lower priority than
	// anything a client waits for. It returns at once and may do nothing.
	Prefetch(id thumb.ID, position int)
}

// Thumbnail is what Renderer.Thumbnail made; cmd converts imaging's own type.
type Thumbnail struct {
	// URL of the stored file and the moment it expires (zero: never). Empty when
	// the picture was made but could not be kept.
	URL     string
	Expires time.Time
	// Key of the file in Deps.PrivateFiles, which the proxy serves itself. URL and
	// JPEG are empty then.
	Key string
	// JPEG is the picture, when URL and Key are empty. Read only.
	JPEG []byte
}

// Files serves stored files that lie on this machine (storage.serve); nil where
// storage serves itself.
type Files interface {
	// Open opens the file under key, a path within the storage's root, as it
	// stands after the URL path. An error wraps thumb.ErrFileMissing when there is
	// no such file, or key is not one of ours, and thumb.ErrBusy when the disk did not
	// say so in time.
	Open(key string) (File, error)
}

// Tracer follows requests by spans. Its methods are called from many goroutines.
type Tracer interface {
	wire.Tracer
	// Span begins a span below the one that ctx holds. The context that it returns holds
	// the new one; end is nil where nothing is recorded.
	Span(ctx context.Context, name string) (within context.Context, end func(failure string, attributes ...slog.Attr))
}

// File is an open stored file. The caller closes it.
type File interface {
	ReadAt(p []byte, off int64) (int, error)
	Close() error
	Size() int64
	Modified() time.Time
}
