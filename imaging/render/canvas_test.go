package render_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"testing"
)

// A GIF's first frame may be smaller than the GIF: it is drawn where it belongs, and
// is not stretched. What it does not cover has the first colour, as with Pillow, or
// that of the transparent one.
func TestGIFWithASmallFirstFrame(t *testing.T) {
	t.Parallel()
	blue, red := color.RGBA{0, 0, 255, 255}, color.RGBA{255, 0, 0, 255}
	for name, c := range map[string]struct {
		palette color.Palette
		around  [3]int
	}{
		"opaque":      {color.Palette{blue, red}, [3]int{0, 0, 255}},
		"transparent": {color.Palette{blue, red, color.RGBA{}}, [3]int{0, 0, 0}},
	} {
		frame := image.NewPaletted(image.Rect(100, 50, 200, 100), c.palette)
		for i := range frame.Pix {
			frame.Pix[i] = 1
		}
		var b bytes.Buffer
		err := gif.EncodeAll(&b, &gif.GIF{
			Image: []*image.Paletted{frame}, Delay: []int{0},
			Config: image.Config{ColorModel: c.palette, Width: 400, Height: 200},
		})
		if err != nil {
			t.Fatal(err)
		}
		pictures := renderAll(t, b.Bytes(), specs[1])
		m := decode(t, pictures[0])
		if size := m.Bounds().Size(); size != image.Pt(400, 200) {
			t.Errorf("%s: the picture is %v", name, size)
		}
		for point, want := range map[image.Point][3]int{
			{X: 150, Y: 75}: {255, 0, 0}, {X: 114, Y: 66}: {255, 0, 0}, {X: 190, Y: 90}: {255, 0, 0},
			{X: 80, Y: 75}: c.around, {X: 220, Y: 75}: c.around, {X: 150, Y: 30}: c.around, {X: 150, Y: 120}: c.around,
		} {
			for i, got := range at(m, point.X, point.Y) {
				if abs(int(got)-want[i]) > 12 {
					t.Errorf("%s: at %v it is %v, want %v", name, point, at(m, point.X, point.Y), want)
					break
				}
			}
		}
	}
}
