//go:build turbojpeg

package libjpeg_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render/libjpeg"
)

// FuzzDecode decodes whatever comes at every kind of scale, to planes and to pixels,
// and encodes what comes out. `make test-asan` runs it under AddressSanitizer and
// UndefinedBehaviorSanitizer.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"../testdata/photos/cameras/*.jpg", "../testdata/photos/bad/*.jpg", "../testdata/plain/*.jpg"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatal(pattern, err)
		}
		for _, name := range names {
			original, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(original) < 32<<10 { // the fuzzer gets nowhere with large ones
				f.Add(original, byte(len(original)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, original []byte, choice byte) {
		eighths, pixels := 1+int(choice&7), choice&8 != 0
		d, err := libjpeg.NewDecoder(original)
		if err != nil {
			return
		}
		defer d.Close()
		h, err := d.Header()
		if err != nil || h.Width*h.Height > 1<<20 {
			return
		}
		planes := (h.Space == libjpeg.Grey || h.Space == libjpeg.YCbCr) && !pixels && len(h.Components) <= 3
		if err := d.Start(eighths, planes, libjpeg.Limits{Scans: 20, CPU: time.Second, Memory: 16 << 20}); err != nil {
			return
		}
		if planes {
			throughPlanes(t, d, h, eighths)
		} else {
			throughPixels(t, d, h, eighths)
		}
	})
}

func throughPlanes(t *testing.T, d *libjpeg.Decoder, h libjpeg.Header, eighths int) {
	across, down := 0, 0
	for _, c := range h.Components {
		across, down = max(across, c.Across), max(down, c.Down)
	}
	var planes []libjpeg.Plane
	for _, c := range h.Components { // exactly as large as they have to be
		w := (h.Width*c.Across + 8*across - 1) / (8 * across) * eighths
		h := (h.Height*c.Down + 8*down - 1) / (8 * down) * eighths
		planes = append(planes, libjpeg.Plane{Samples: make([]byte, w*h), Stride: w, Width: w, Height: h})
	}
	if d.Planes(planes) != nil {
		return
	}
	if _, err := libjpeg.EncodePlanes(planes, 82); err != nil && len(planes) != 2 {
		t.Fatal(err)
	}
}

func throughPixels(t *testing.T, d *libjpeg.Decoder, h libjpeg.Header, eighths int) {
	width, height := (h.Width*eighths+7)/8, (h.Height*eighths+7)/8
	pixels := make([]byte, 4*width*height)
	if d.Pixels(pixels, 4*width) != nil {
		return
	}
	if _, err := libjpeg.EncodePixels(pixels, 4*width, width, height, 82); err != nil {
		t.Fatal(err)
	}
}
