package imaging

import (
	"context"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// plan is what it takes to render an original for some specs, and how. The memory
// is known before anything is decoded. Tests have plans of their own, which wait,
// panic, or take as much as they please.
type plan struct {
	memory int64
	render func(ctx context.Context, quality int) ([]render.Picture, error)
}

// inspect reads an original's header. Errors wrap thumb.ErrOriginalUnusable.
type inspect func(original []byte, specs thumb.Specs, maxPixels int64) (*plan, error)

// inspectOriginal plans with the engine that is built in.
func inspectOriginal(original []byte, specs thumb.Specs, maxPixels int64) (*plan, error) {
	p, err := render.Inspect(original, specs, render.Limits{MaxPixels: maxPixels})
	if err != nil {
		return nil, err
	}
	return &plan{memory: p.Memory, render: p.Render}, nil
}
