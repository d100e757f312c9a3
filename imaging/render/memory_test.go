package render_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/image/tiff"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// measured is what rendering a photo took.
type measured struct {
	estimate, peak int64
	cpu            time.Duration
	rendered       bool
}

// measurer builds testdata/measure with the engine under test, and without the
// race detector, which takes memory of its own. What it returns renders a photo in
// a process of its own.
func measurer(t *testing.T) func(photo string, labels ...thumb.Spec) measured {
	t.Helper()
	program := filepath.Join(t.TempDir(), "measure")
	build := exec.Command("go", "build", "-tags", render.Engine(), "-o", program, "./testdata/measure")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return func(photo string, labels ...thumb.Spec) (m measured) {
		t.Helper()
		cmd := exec.Command(program, photo)
		for _, label := range labels {
			cmd.Args = append(cmd.Args, strconv.Itoa(label.Width))
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", photo, err, out)
		}
		if _, err := fmt.Sscan(string(out), &m.estimate, &m.peak, &m.cpu, &m.rendered); err != nil {
			t.Fatalf("%s: %v: %s", photo, err, out)
		}
		return m
	}
}

// TestEstimateHolds: no photo takes more memory than was said before decoding.
func TestEstimateHolds(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("testdata/photos")
	if err != nil {
		t.Fatal(err)
	}
	photos := []string{deep(t), strip(t, tiff.Uncompressed), strip(t, tiff.Deflate)}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && ext != ".json" && ext != ".md" {
			photos = append(photos, "testdata/photos/"+e.Name())
		}
	}
	measure := measurer(t)
	for _, photo := range photos {
		for _, labels := range []thumb.Specs{specs[:1], specs} {
			m := measure(photo, labels...)
			estimate, peak := m.estimate, m.peak
			if !m.rendered {
				t.Errorf("%s is not rendered", photo)
			}
			t.Logf("%s, %d labels: estimate %.1f MB, peak %.1f MB", photo, len(labels), float64(estimate)/1e6, float64(peak)/1e6)
			if peak > estimate {
				t.Errorf("%s takes %d bytes, estimated %d", photo, peak, estimate)
			}
		}
	}
}

// TestLargePhotoTakesLittle: what a 24-megapixel JPEG may take with libjpeg-turbo;
// the pure Go engine decodes all of it.
func TestLargePhotoTakesLittle(t *testing.T) {
	t.Parallel()
	measure := measurer(t)
	for label, limit := range []int64{16e6, 16e6, 40e6} {
		if render.Engine() == "go" {
			limit = 110e6
		}
		if peak := measure("testdata/photos/night_24mp_6000x4000.jpg", specs[label]).peak; peak > limit {
			t.Errorf("%s takes %.1f MB, at most %.0f are allowed", specs[label].Label, float64(peak)/1e6, float64(limit)/1e6)
		}
	}
}

// TestLargeTIFFIsLetThrough: one that is stored in one strip, as it is, or packed in
// small ones, is within the memory that the configuration defaults to.
func TestLargeTIFFIsLetThrough(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	if err := tiff.Encode(&whole, image.NewGray(image.Rect(0, 0, 6000, 4000)), nil); err != nil {
		t.Fatal(err)
	}
	for name, original := range map[string][]byte{"one strip": whole.Bytes(), "small strips": read(t, "lzw_700.tif")} {
		plan, err := render.Inspect(original, specs, limits)
		if err != nil {
			t.Fatal(err)
		}
		if most := int64(plan.Width)*int64(plan.Height)*10 + 64<<20; plan.Memory > most {
			t.Errorf("%s: %dx%d is priced at %d, want %d at most", name, plan.Width, plan.Height, plan.Memory, most)
		}
	}
}

// strip writes a TIFF of one strip.
func strip(t *testing.T, compression tiff.CompressionType) string {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 1500, 1000))
	for i := range m.Pix {
		m.Pix[i] = byte(i>>8) | byte(i)&3<<6
	}
	var out bytes.Buffer
	if err := tiff.Encode(&out, m, &tiff.Options{Compression: compression}); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s/strip%d.tif", t.TempDir(), compression)
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// deep writes a PNG of 16 bits a sample with alpha, the largest kind.
func deep(t *testing.T) string {
	t.Helper()
	m := image.NewNRGBA64(image.Rect(0, 0, 1500, 1000))
	for i := range m.Pix {
		m.Pix[i] = byte(i >> 8)
	}
	m.SetNRGBA64(0, 0, color.NRGBA64{A: 1})
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	name := t.TempDir() + "/deep.png"
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
