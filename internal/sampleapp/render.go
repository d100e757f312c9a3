package sampleapp

import (
	"context"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Renderer makes one thumbnail of an original. The app calls it inside a web
// request, once a label, as the real app calls Pillow.
type Renderer func(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error)

// RenderOne renders a label by itself. Built with tag turbojpeg it costs what the
// real app's Pillow does, so that figures measured against this app are fair;
// without the tag it is several times slower.
func RenderOne(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
	plan, err := render.Inspect(original, []thumb.Spec{spec}, render.Limits{MaxPixels: 200_000_000})
	if err != nil {
		return render.Picture{}, err
	}
	pictures, err := plan.Render(ctx, 82)
	if err != nil {
		return render.Picture{}, err
	}
	return pictures[0], nil
}
