package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// expectation is what Pillow makes of one of testdata/photos/cameras at label small.
type expectation struct {
	Kind string  `json:"kind"`
	Size *[2]int `json:"size"` // nil: Pillow refuses it
	Grid string  `json:"grid"` // mean colours of its 8×8 parts, row by row
}

// leftToTheApp are the cameras' originals that either engine leaves to the app, and
// leftByImageJPEG those that only image/jpeg cannot decode.
var (
	leftToTheApp    = []string{"other-jpeg2000.jpg", "tiff-cmyk.tif", "tiff-fill-order.tif", "tiff-planar.tif", "webp-animated.webp"}
	leftByImageJPEG = []string{
		"guard-samples-of-100-scans.jpg", "pure-arithmetic.jpg", "sampling-1x1,2x2,2x2.jpg", "sampling-2x2,1x1,1x2.jpg",
		"sampling-2x2,1x1,2x2-eighth.jpg", "sampling-4x1,2x1,1x1.jpg", "sampling-cmyk.jpg", "warn-512-bytes-lost.jpg",
		"warn-restart-missing.jpg", "warn-tail-lost-eoi-kept.jpg",
	}
)

// TestCameras: originals as cameras and editors really write them come out as
// Pillow's, or are the app's to render, or are refused where Pillow refuses them.
func TestCameras(t *testing.T) {
	t.Parallel()
	var expected map[string]expectation
	if err := json.Unmarshal(read(t, "cameras/expected.json"), &expected); err != nil {
		t.Fatal(err)
	}
	if len(expected) < 50 {
		t.Fatalf("only %d are there", len(expected))
	}
	for name, want := range expected {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			picture, err := renderFirst(t, read(t, "cameras/"+name))
			forApp := slices.Contains(leftToTheApp, name) || render.Engine() == "go" && slices.Contains(leftByImageJPEG, name)
			switch {
			case want.Size == nil:
				if !errors.Is(err, thumb.ErrOriginalUnusable) {
					t.Fatalf("%s: the answer is %v", want.Kind, err)
				}
			case forApp:
				if !errors.Is(err, thumb.ErrOriginalForApp) || errors.Is(err, thumb.ErrOriginalUnusable) {
					t.Fatalf("%s: the answer is %v", want.Kind, err)
				}
			case err != nil:
				t.Fatalf("%s: %v", want.Kind, err)
			default:
				checkCamera(t, picture, want)
			}
		})
	}
}

// checkCamera compares a picture with Pillow's, cell by cell.
func checkCamera(t *testing.T, picture render.Picture, want expectation) {
	t.Helper()
	if got := [2]int{picture.Width, picture.Height}; got != *want.Size {
		t.Fatalf("%s: it is %v, Pillow's %v", want.Kind, got, *want.Size)
	}
	cells := grid(decode(t, picture))
	worst, where := 0.0, ""
	for i, text := range strings.Fields(want.Grid) {
		colour, err := strconv.ParseUint(text, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		for c, got := range cells[i] {
			if d := math.Abs(got - float64(colour>>(16-8*c)&255)); d > worst {
				worst, where = d, fmt.Sprintf("cell %d is %.0f, Pillow's %s", i, cells[i], text)
			}
		}
	}
	t.Logf("a cell differs by %.0f: %s", worst, where)
	if worst > 12 { // as much as in TestLikePillow
		t.Errorf("%s: a cell differs by %.0f: %s", want.Kind, worst, where)
	}
}

// renderFirst renders an original, good or bad, at the first of the specs.
func renderFirst(t testing.TB, original []byte) (render.Picture, error) {
	plan, err := render.Inspect(original, specs[:1], limits)
	if err != nil {
		return render.Picture{}, err
	}
	pictures, err := plan.Render(t.Context(), quality)
	if err != nil {
		return render.Picture{}, err
	}
	return pictures[0], nil
}
