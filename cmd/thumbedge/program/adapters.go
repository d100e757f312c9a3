package program

import (
	"context"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The packages never import each other: where two of them have a type each for the
// same thing, it is turned here.
var (
	_ resolver.Database   = (*postgres.Store)(nil)
	_ imaging.Database    = (*postgres.Store)(nil)
	_ imaging.Drafts      = (*postgres.Store)(nil)
	_ imaging.PrivateRows = (*postgres.Table)(nil)
	_ resolver.URLs       = (imaging.Storage)(nil)
	_ proxy.Resolver      = (*resolver.Reader)(nil)
	_ proxy.Renderer      = renderer{}
	_ proxy.Files         = files{}
	_ postgres.Sink       = sink{}
)

// renderer is the cold path of one configuration, as the proxy wants it.
type renderer struct {
	*imaging.View
	private *storageProbe // nil: there is no private storage
}

// PrivateReady asks both who know something of private storage: whoever stores in it, and
// whoever looks at it.
func (r renderer) PrivateReady() bool { return r.private.up() && r.View.PrivateReady() }

func (r renderer) Thumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int) (proxy.Thumbnail, error) {
	made, err := r.View.Thumbnail(ctx, client, id, position)
	return proxy.Thumbnail(made), err
}

func (r renderer) PrivateThumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int, project int64) (proxy.Thumbnail, error) {
	made, err := r.View.PrivateThumbnail(ctx, client, id, position, project)
	return proxy.Thumbnail(made), err
}

// files are the file system's storage as the proxy serves it.
type files struct{ *filesystem.Serving }

func (f files) Open(key string) (proxy.File, error) {
	file, err := f.OpenFile(key)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// sink tells both who remember things about captures what the database notified.
type sink struct {
	*resolver.WarmSet
	renderer *imaging.Renderer
	pages    pageDropper
}

// pageDropper is told that who may see what may have changed; proxy.Server is one.
type pageDropper interface{ DropPages() }

// Listening: what changed while nobody listened is not known.
func (s sink) Listening() {
	s.WarmSet.Listening()
	s.pages.DropPages()
	s.renderer.ChangedAll()
}

func (s sink) Changed(ids []thumb.ID) {
	s.WarmSet.Changed(ids)
	s.renderer.Changed(ids)
}

// ChangedAll is how a project that turns draft or public is told, too.
func (s sink) ChangedAll() {
	s.WarmSet.ChangedAll()
	s.pages.DropPages()
	s.renderer.ChangedAll()
}
