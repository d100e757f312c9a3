//go:build turbojpeg

package main

import (
	"image"

	"github.com/disintegration/imaging"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/imaging/render/libjpeg"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// withImaging renders a JPEG as the engine would if disintegration/imaging scaled it,
// as it does every other format: libjpeg-turbo decodes to pixels, at the scale that the
// engine takes, and encodes from them. Beside the engine it shows why a JPEG stays in
// its planes.
func withImaging(original []byte, specs []thumb.Spec) ([]render.Picture, error) {
	d, err := libjpeg.NewDecoder(original)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	h, err := d.Header()
	if err != nil {
		return nil, err
	}
	widest := 0
	for _, s := range specs {
		widest = max(widest, min(s.Width, h.Width))
	}
	eighths := 1
	for h.Width*eighths < 8*widest {
		eighths++
	}
	if err := d.Start(eighths, false, libjpeg.Limits{Scans: 100, CPU: 1 << 40, Memory: 1 << 40}); err != nil {
		return nil, err
	}
	pixels := image.NewNRGBA(image.Rect(0, 0, (h.Width*eighths+7)/8, (h.Height*eighths+7)/8))
	if err := d.Pixels(pixels.Pix, pixels.Stride); err != nil {
		return nil, err
	}
	var made []render.Picture
	for _, s := range specs {
		width := min(s.Width, h.Width)
		m := imaging.Resize(pixels, width, max(1, h.Height*width/h.Width), imaging.CatmullRom)
		jpeg, err := libjpeg.EncodePixels(m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy(), quality)
		if err != nil {
			return nil, err
		}
		made = append(made, render.Picture{JPEG: jpeg, Width: m.Rect.Dx(), Height: m.Rect.Dy()})
	}
	return made, nil
}
