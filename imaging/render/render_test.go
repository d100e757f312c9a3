package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// specs are the app's own sizes, and limits what the configuration defaults to.
var specs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}

var limits = render.Limits{MaxPixels: 100_000_000}

const quality = 82

// read returns a photo of testdata.
func read(t testing.TB, name string) []byte {
	t.Helper()
	original, err := os.ReadFile(filepath.Join("testdata", "photos", name))
	if err != nil {
		t.Fatal(err)
	}
	return original
}

// renderAll renders an original that has to be good.
func renderAll(t testing.TB, original []byte, specs ...thumb.Spec) []render.Picture {
	t.Helper()
	plan, err := render.Inspect(original, specs, limits)
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := plan.Render(t.Context(), quality)
	if err != nil {
		t.Fatal(err)
	}
	return pictures
}

// decode decodes a picture and checks that it is what it says.
func decode(t testing.TB, p render.Picture) image.Image {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(p.JPEG))
	if err != nil {
		t.Fatal(err)
	}
	if b := m.Bounds(); b.Dx() != p.Width || b.Dy() != p.Height {
		t.Fatalf("the picture is %v, and said to be %dx%d", b, p.Width, p.Height)
	}
	return m
}

// pillow is what Pillow makes of one photo, as testdata/photos/pillow.json has it.
type pillow map[string]json.RawMessage

type pillowPicture struct {
	Size [2]int   `json:"size"`
	RGB  [][3]int `json:"rgb_8x8"`
}

// TestLikePillow: every format and colour mode at every label has Pillow's size,
// and its colours, cell by cell.
func TestLikePillow(t *testing.T) {
	t.Parallel()
	var photos map[string]pillow
	if err := json.Unmarshal(read(t, "pillow.json"), &photos); err != nil {
		t.Fatal(err)
	}
	for name, photo := range photos {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, picture := range renderAll(t, read(t, name), specs...) {
				label := specs[i].Label
				var want pillowPicture
				if err := json.Unmarshal(photo[label], &want); err != nil {
					t.Fatal(err)
				}
				if abs(picture.Width-want.Size[0]) > 1 || abs(picture.Height-want.Size[1]) > 1 {
					t.Errorf("%s is %dx%d, Pillow's %v", label, picture.Width, picture.Height, want.Size)
				}
				if want.RGB == nil {
					continue // Pillow fails
				}
				worst := 0.0
				for cell, colour := range grid(decode(t, picture)) {
					for c := range 3 {
						worst = max(worst, math.Abs(colour[c]-float64(want.RGB[cell][c])))
					}
				}
				if worst > 12 {
					t.Errorf("%s: a cell differs from Pillow's by %.0f of 255", label, worst)
				}
			}
		})
	}
}

// grid is the mean colour of each cell of an 8×8 grid, as Pillow's BOX filter has
// it: a pixel that lies in two cells is shared by area, and where there are fewer
// pixels than cells, a cell is the pixel in its middle.
func grid(m image.Image) (cells [64][3]float64) {
	b := m.Bounds()
	across, down := shares(b.Dx()), shares(b.Dy())
	for y, rows := range down {
		for x, columns := range across {
			colour := at(m, x, y)
			for _, row := range rows {
				for _, column := range columns {
					cell := &cells[row.cell*8+column.cell]
					for c, v := range colour {
						cell[c] += float64(v) * row.of * column.of
					}
				}
			}
		}
	}
	return cells
}

func at(m image.Image, x, y int) [3]uint8 {
	if m, ok := m.(*image.YCbCr); ok {
		c := m.YCbCrAt(x, y)
		r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		return [3]uint8{r, g, b}
	}
	r, g, b, _ := m.At(x, y).RGBA()
	return [3]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}
}

// share is the part of a cell that a pixel makes up, along one side.
type share struct {
	cell int
	of   float64
}

func shares(n int) [][]share {
	pixels := make([][]share, n)
	cell := float64(n) / 8
	if n < 8 {
		for c := range 8 {
			x := int((float64(c) + 0.5) * cell)
			pixels[x] = append(pixels[x], share{c, 1})
		}
		return pixels
	}
	for x := range pixels {
		for c := range 8 {
			low, high := max(float64(x), float64(c)*cell), min(float64(x+1), float64(c+1)*cell)
			if high > low {
				pixels[x] = append(pixels[x], share{c, (high - low) / cell})
			}
		}
	}
	return pixels
}

func abs(n int) int { return max(n, -n) }

// TestBadOriginalsAreRefused: none of them gives a picture.
func TestBadOriginalsAreRefused(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/photos/bad/*")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := render.Inspect(read(t, "bad/"+name), specs, limits)
			if err == nil {
				_, err = plan.Render(t.Context(), quality)
			}
			if name == "noise.jpg" && (err == nil || errors.Is(err, thumb.ErrOriginalForApp)) {
				return // damaged, yet whole: either answer is right
			}
			if !errors.Is(err, thumb.ErrOriginalUnusable) {
				t.Errorf("the answer is %v", err)
			}
		})
	}
}
