//go:build turbojpeg

package render

import (
	"bytes"
	"testing"
)

func TestEighthIsLibjpegTurbos(t *testing.T) {
	t.Parallel()
	for name, original := range plainFiles(t) {
		t.Run(name, func(t *testing.T) { compareEighth(t, original) })
	}
}

func FuzzEighth(f *testing.F) {
	for _, original := range plainFiles(f) {
		if len(original) < 32<<10 { // the fuzzer gets nowhere with large ones
			f.Add(original)
		}
	}
	f.Fuzz(compareEighth)
}

// compareEighth fails the test unless libjpeg-turbo decodes what decodeEighth does,
// without a complaint and to the same samples.
func compareEighth(t *testing.T, original []byte) {
	plan := plainPlan(original)
	if plan == nil {
		return
	}
	got, err := plan.decodeEighth()
	if err != nil {
		return
	}
	want, err := plan.decodeJPEG(t.Context())
	if err != nil {
		t.Fatalf("libjpeg-turbo: %v", err)
	}
	if got.w != want.w || got.h != want.h || got.subX != want.subX || got.subY != want.subY || len(got.planes) != len(want.planes) {
		t.Fatalf("%gx%g, chroma %gx%g, %d planes; want %gx%g, %gx%g, %d", got.w, got.h, got.subX, got.subY, len(got.planes),
			want.w, want.h, want.subX, want.subY, len(want.planes))
	}
	for i, g := range got.planes {
		w := want.planes[i]
		if g.w != w.w || g.h != w.h {
			t.Fatalf("plane %d is %dx%d, want %dx%d", i, g.w, g.h, w.w, w.h)
		}
		for y := range g.h {
			if !bytes.Equal(g.pix[y*g.stride:][:g.w], w.pix[y*w.stride:][:w.w]) {
				t.Fatalf("plane %d, row %d differs", i, y)
			}
		}
	}
}
