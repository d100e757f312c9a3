package sampleapp

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/gif" // originals may be in any of these formats
	"image/jpeg"
	_ "image/png"

	"golang.org/x/image/draw"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Picture is a rendered thumbnail.
type Picture struct {
	JPEG          []byte
	Width, Height int
}

// Renderer makes one thumbnail of an original. The app calls it inside a web
// request, once a label, as the real app calls Pillow. To measure against the
// app, plug in one whose cost is Pillow's; RenderFully's is several times that.
type Renderer func(ctx context.Context, original []byte, spec thumb.Spec) (Picture, error)

// RenderFully renders with the standard library alone: the original is decoded at
// full size, then scaled. It is what works everywhere.
func RenderFully(_ context.Context, original []byte, spec thumb.Spec) (Picture, error) {
	source, _, err := image.Decode(bytes.NewReader(original))
	if err != nil {
		return Picture{}, fmt.Errorf("decoding: %w", err)
	}
	width, height := fit(source.Bounds().Dx(), source.Bounds().Dy(), spec)
	scaled := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.ApproxBiLinear.Scale(scaled, scaled.Bounds(), source, source.Bounds(), draw.Src, nil)
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, scaled, &jpeg.Options{Quality: 82}); err != nil {
		return Picture{}, fmt.Errorf("encoding: %w", err)
	}
	return Picture{JPEG: buf.Bytes(), Width: width, Height: height}, nil
}

// fit returns the size of a thumbnail: the aspect ratio kept, never upscaled, one
// pixel at least.
func fit(width, height int, spec thumb.Spec) (int, int) {
	ratio := min(1, float64(spec.Width)/float64(width))
	if spec.Height > 0 {
		ratio = min(ratio, float64(spec.Height)/float64(height))
	}
	side := func(n int) int { return max(1, int(float64(n)*ratio+0.5)) }
	return side(width), side(height)
}
