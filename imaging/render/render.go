// Package render makes thumbnails of an original: it decodes once and gives one
// JPEG for every spec asked for.
//
// Inspect reads the header alone and refuses what cannot or must not be decoded:
// what is no image, is cut off, claims more than it can hold, or is over a limit.
// What it lets through is priced (Plan.Memory), so that the caller can wait for
// that much memory before anything is decoded. Render then does the work on the
// calling goroutine and on no other.
//
// What comes out is what the app makes today with Pillow: never larger than the
// original, the aspect ratio kept, pixels as they lie in the file (an EXIF
// orientation is neither applied nor copied), no metadata, RGB or grey.
//
// There are two engines behind the same functions. With build tag turbojpeg,
// JPEG goes through libjpeg-turbo, which decodes at a fraction of the size and
// writes progressive JPEG. Without it all is Go and needs no C compiler; JPEG is
// then decoded in full and written as baseline. What both share is the decoder for
// what is asked for most, small pictures of plain photos (decodeEighth). Either way
// a picture stays in the planes that JPEG is made of (luma, and chroma at its own
// resolution) from decoding to encoding: no pixel is converted to RGB and back.
package render

import (
	"context"
	"errors"
	"fmt"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// maxSide is the longest side that is decoded or written: what a JPEG can be.
const maxSide = 65500

// Limits bound what is decoded at all.
type Limits struct {
	MaxPixels int64 // width times height of an original, inclusive
}

// Plan is what an original's header says, and what will be made of it. It keeps
// the original's bytes, which must not change. A Plan may be used once or many
// times, by one goroutine at a time.
type Plan struct {
	Format        string // "jpeg", "png", "gif", "bmp", "tiff" or "webp"
	Width, Height int
	// Memory is an upper estimate of the bytes that Render takes at its peak, the
	// original's own apart and the finished pictures included.
	Memory int64

	original []byte
	header   header
	sizes    []size // of the pictures, in the order of the specs
	eighths  int    // of its size that a JPEG is decoded at, where the engine can
}

// Picture is a finished thumbnail.
type Picture struct {
	JPEG          []byte
	Width, Height int
}

// Engine names the engine that was compiled in: "turbojpeg" or "go".
func Engine() string { return engineName }

// Inspect reads the header of an original and plans one picture for each spec.
// It decodes nothing and allocates next to nothing, whatever the header claims.
// Every error wraps thumb.ErrOriginalUnusable or thumb.ErrOriginalForApp.
func Inspect(original []byte, specs []thumb.Spec, limits Limits) (*Plan, error) {
	h, err := readHeader(original)
	if err != nil && !errors.Is(err, thumb.ErrOriginalForApp) {
		return nil, unusable(err)
	}
	if broken := limits.broken(h, err != nil); broken != nil {
		return nil, unusable(broken) // the app's renderer has no better limits
	}
	if err != nil {
		return nil, err
	}
	if len(specs) == 0 {
		return nil, unusable(errors.New("no size was asked for"))
	}
	p := &Plan{Format: h.format, Width: h.width, Height: h.height, original: original, header: h}
	for _, spec := range specs {
		p.sizes = append(p.sizes, fit(h.width, h.height, spec))
	}
	p.eighths = eighthsFor(h.width, h.height, p.largest())
	p.Memory = p.estimate()
	return p, nil
}

// broken says which limit an original is over. One that is left to the app may have a
// size that is not known.
func (l Limits) broken(h header, forApp bool) error {
	switch pixels := int64(h.width) * int64(h.height); {
	case forApp && (h.width == 0 || h.height == 0):
		return nil
	case h.width < 1 || h.height < 1:
		return fmt.Errorf("%dx%d has no pixels", h.width, h.height)
	case h.width > maxSide || h.height > maxSide:
		return fmt.Errorf("%w: %dx%d is longer than %d", thumb.ErrTooBig, h.width, h.height, maxSide)
	case pixels > l.MaxPixels:
		return fmt.Errorf("%w: %dx%d is over the limit of %d pixels", thumb.ErrTooBig, h.width, h.height, l.MaxPixels)
	}
	return nil
}

// Render decodes the original once and makes the planned pictures, in the order
// of the specs. It returns early when ctx ends between two of its steps. Every
// other error wraps thumb.ErrOriginalUnusable or thumb.ErrOriginalForApp.
func (p *Plan) Render(ctx context.Context, quality int) (made []Picture, err error) {
	// A decoder that trips over an original must not take the process with it.
	defer func() {
		if r := recover(); r != nil {
			made, err = nil, unusable(fmt.Errorf("decoding %s panicked: %v", p.Format, r))
		}
	}()
	if p.Format == "jpeg" {
		decoded, err := p.decodeJPEGPlanes(ctx)
		if err != nil {
			return nil, p.failed(ctx, "decoding", err)
		}
		return pictures(ctx, p, decoded, func(last *picture, s size) (*picture, []byte, error) {
			last = scaleFrom(last, decoded, s)
			jpeg, err := encodeJPEG(last, s, quality)
			return last, jpeg, err
		})
	}
	decoded, err := p.decodeRaster(ctx)
	if err != nil {
		return nil, p.failed(ctx, "decoding", err)
	}
	return pictures(ctx, p, decoded, func(last *raster, s size) (*raster, []byte, error) {
		if last.Bounds().Dx() < 2*s.w {
			last = decoded
		}
		last, err := last.resized(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		jpeg, err := encodeRaster(last, quality)
		return last, jpeg, err
	})
}

// pictures makes the planned pictures, the largest first: each from the one before, or
// from what was decoded, as next decides.
func pictures[T any](ctx context.Context, p *Plan, decoded T, next func(last T, s size) (T, []byte, error)) ([]Picture, error) {
	made := make([]Picture, len(p.sizes))
	last := decoded
	for _, i := range largestFirst(p.sizes) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var jpeg []byte
		var err error
		if last, jpeg, err = next(last, p.sizes[i]); err != nil {
			return nil, p.failed(ctx, "encoding", err)
		}
		made[i] = Picture{JPEG: jpeg, Width: p.sizes[i].w, Height: p.sizes[i].h}
	}
	return made, nil
}

// encodeRaster writes a scaled raster, grey where the original is.
func encodeRaster(m *raster, quality int) ([]byte, error) {
	pixels := m.upright()
	if m.grey {
		return encodeJPEG(greyPlane(pixels), size{pixels.Rect.Dx(), pixels.Rect.Dy()}, quality)
	}
	return encodePixels(pixels, quality)
}

// failed says why a step failed: because it was told to stop, or because of the
// original.
func (p *Plan) failed(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unusable(fmt.Errorf("%s %s of %dx%d: %w", step, p.Format, p.Width, p.Height, err))
}

// unusable wraps an error in thumb.ErrOriginalUnusable, but for one that leaves the
// original to the app.
func unusable(err error) error {
	if errors.Is(err, thumb.ErrOriginalForApp) {
		return err
	}
	return fmt.Errorf("%w: %w", thumb.ErrOriginalUnusable, err)
}
