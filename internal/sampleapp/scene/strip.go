package scene

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// strip writes the camera's line along the bottom.
func strip(canvas *image.RGBA, text string) {
	bounds := canvas.Bounds()
	tall := max(6, bounds.Dx()*64/4096)
	bar := image.Rect(0, bounds.Max.Y-tall, bounds.Max.X, bounds.Max.Y)
	draw.Draw(canvas, bar, image.NewUniform(color.RGBA{8, 8, 9, 255}), image.Point{}, draw.Src)
	parsed, err := opentype.Parse(gomono.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: float64(tall) * 0.62, DPI: 72})
	if err != nil {
		panic(err)
	}
	pen := font.Drawer{Dst: canvas, Src: image.NewUniform(color.RGBA{228, 230, 226, 255}), Face: face,
		Dot: fixed.P(tall/2, bounds.Max.Y-tall*3/10)}
	pen.DrawString(text)
}
