package scene_test

import (
	"image"
	"testing"

	"github.com/thumbedge/thumbedge/internal/sampleapp/scene"
)

// width of the test's pictures: a scene looks the same at any, but for its grain.
const width = 512

func TestScenesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	for n := range scene.Cameras {
		a, b := scene.Scene{Number: n}.Draw(width), scene.Scene{Number: n}.Draw(width)
		if string(a.Y) != string(b.Y) || string(a.Cb) != string(b.Cb) || string(a.Cr) != string(b.Cr) {
			t.Errorf("scene %d was drawn in two ways", n)
		}
	}
}

// cells is the mean brightness of a picture on a grid.
func cells(picture *image.YCbCr) [24 * 12]int {
	var sum, count [24 * 12]int
	bounds := picture.Bounds()
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			cell := y*12/bounds.Dy()*24 + x*24/bounds.Dx()
			sum[cell] += int(picture.Y[y*picture.YStride+x])
			count[cell]++
		}
	}
	for i := range sum {
		sum[i] /= count[i]
	}
	return sum
}

// Every two scenes differ by more than their light and noise, also two of the same
// camera.
func TestScenesDiffer(t *testing.T) {
	t.Parallel()
	const scenes = 24
	var all [scenes][24 * 12]int
	for n := range all {
		all[n] = cells(scene.Scene{Number: n}.Draw(width))
	}
	for a := range all {
		for b := range a {
			different := 0
			for i := range all[a] {
				if d := all[a][i] - all[b][i]; d > 12 || d < -12 {
					different++
				}
			}
			if different < 24*12/8 {
				t.Errorf("scenes %d and %d differ in %d of %d cells only", b, a, different, 24*12)
			}
		}
	}
}

// A picture is a lit cloth with something on it: mostly bright, with some dark.
func TestScenesAreLit(t *testing.T) {
	t.Parallel()
	for n := range 6 {
		bright, dark := 0, 0
		picture := cells(scene.Scene{Number: n}.Draw(width))
		for _, level := range picture {
			if level > 90 {
				bright++
			}
			if level < 40 {
				dark++
			}
		}
		if bright < len(picture)/3 || dark == 0 {
			t.Errorf("scene %d has %d bright and %d dark cells of %d", n, bright, dark, len(picture))
		}
	}
}

func TestClocksOfANightGoForward(t *testing.T) {
	t.Parallel()
	for n := scene.Cameras; n < 24; n++ {
		if before, now := (scene.Scene{Number: n - scene.Cameras}).Clock(), (scene.Scene{Number: n}).Clock(); now <= before || now.Hours() > 20 {
			t.Errorf("scene %d is at %v, its camera's last at %v", n, now, before)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		scene.Scene{Number: 4}.Draw(4096)
	}
}
