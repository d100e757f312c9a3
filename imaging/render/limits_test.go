package render_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// TestRefusingCostsNothing: a header is read, and nothing is allocated for what
// it claims. Too many scans are found while they are decoded: they do not cost more
// than that.
func TestRefusingCostsNothing(t *testing.T) {
	bombs := map[string][]byte{"scans": scanBomb(t), "webp": webpBomb()}
	for _, name := range []string{"bomb_60000x60000.png", "lying_size.jpg", "zero_wide.png", "empty.jpg", "page.html.jpg"} {
		bombs[name] = read(t, "bad/"+name)
	}
	for name, original := range bombs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plan, err := render.Inspect(original, specs, limits)
		if err == nil && name == "scans" {
			_, err = plan.Render(t.Context(), quality)
		}
		runtime.ReadMemStats(&after)
		if !errors.Is(err, thumb.ErrOriginalUnusable) {
			t.Errorf("%s: the answer is %v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 256<<10 {
			t.Errorf("%s: %d bytes were allocated for refusing it", name, n)
		}
	}
}

// scanBomb is a progressive JPEG whose last scan is repeated a hundred times.
func scanBomb(t *testing.T) []byte {
	t.Helper()
	original := read(t, "progressive_1600.jpg")
	at := bytes.LastIndex(original, []byte("\xff\xda"))
	end := len(original) - 2
	return append(append(original[:end:end], bytes.Repeat(original[at:end], 100)...), 0xff, 0xd9)
}

// webpBomb is a WebP of a few bytes that claims 100 MB of samples.
func webpBomb() []byte {
	file := []byte("RIFF\x00\x00\x00\x00WEBPVP8 \x00\x00\x00\x00\x10\x00\x00\x9d\x01\x2a\x40\x06\x4c\x03")
	binary.LittleEndian.PutUint32(file[4:], 100<<20)
	binary.LittleEndian.PutUint32(file[16:], 90<<20)
	return append(file, make([]byte, 64)...)
}

// TestCutOffAnywhere: a file that ends early is refused wherever it ends.
func TestCutOffAnywhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"tiny_120.jpg", "progressive_1600.jpg", "alpha_700.png", "animated_320.gif", "rgb_700.bmp", "lzw_700.tif", "lossy_700.webp", "lossless_alpha_700.webp",
	} {
		original := read(t, name)
		for _, part := range []int{1, 2, 5, 9} {
			end := len(original) * part / 10
			if name == "animated_320.gif" {
				end /= 100 // within the first frame
			}
			plan, err := render.Inspect(original[:end], specs[:1], limits)
			if err == nil {
				_, err = plan.Render(t.Context(), quality)
			}
			if !errors.Is(err, thumb.ErrOriginalUnusable) {
				t.Errorf("%s cut off at %d of %d: %v", name, end, len(original), err)
			}
		}
	}
}

// TestCutOffBehindAWarning: that libjpeg warned of something before does not hide that
// the data ends before the last row: no picture is ever half grey.
func TestCutOffBehindAWarning(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/photos/cameras/*.jpg")
	if err != nil || len(names) < 25 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		original, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []int{30, 60, 80} {
			if _, err := renderFirst(t, original[:len(original)*part/100]); !refused(err) || strings.Contains(name, "warn-") && !errors.Is(err, thumb.ErrOriginalUnusable) {
				t.Errorf("%s, of which %d %% are there: %v", name, part, err)
			}
		}
	}
}

// TestStrayBytesAreHarmless: bytes between the samples and the end-of-image
// marker, as some cameras write them, cost nothing of the picture.
func TestStrayBytesAreHarmless(t *testing.T) {
	t.Parallel()
	original := read(t, "tiny_120.jpg")
	end := len(original) - 2
	stray := append(append(original[:end:end], make([]byte, 9)...), 0xff, 0xd9)
	if !bytes.Equal(renderAll(t, original, specs[0])[0].JPEG, renderAll(t, stray, specs[0])[0].JPEG) {
		t.Error("the picture changed")
	}
}

// TestNoMetadata: neither EXIF nor a colour profile comes out; the pixels stay as
// they lie in the file.
func TestNoMetadata(t *testing.T) {
	t.Parallel()
	for i, p := range renderAll(t, read(t, "exif_rotated_1600.jpg"), specs...) {
		if p.Width <= p.Height {
			t.Errorf("%s was turned: %dx%d", specs[i].Label, p.Width, p.Height)
		}
		for at := 2; p.JPEG[at+1] != 0xda; at += 2 + int(binary.BigEndian.Uint16(p.JPEG[at+2:])) {
			if marker := p.JPEG[at+1]; marker > 0xe0 && marker <= 0xef || marker == 0xfe {
				t.Errorf("%s has a segment %#x", specs[i].Label, marker)
			}
		}
		if progressive := bytes.Contains(p.JPEG, []byte("\xff\xc2\x00\x11")); progressive != (render.Engine() == "turbojpeg") {
			t.Errorf("%s: progressive is %t", specs[i].Label, progressive)
		}
	}
}

func TestRenderStops(t *testing.T) {
	t.Parallel()
	plan, err := render.Inspect(read(t, "tiny_120.jpg"), specs, limits)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := plan.Render(ctx, quality); !errors.Is(err, context.Canceled) || errors.Is(err, thumb.ErrOriginalUnusable) {
		t.Errorf("the answer is %v", err)
	}
}

// FuzzInspect: whatever a header claims, what is let through is within the limits,
// and has a price that covers the scaled picture at least.
func FuzzInspect(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, original []byte) {
		plan, err := render.Inspect(original, specs, limits)
		if err != nil {
			if !refused(err) {
				t.Fatal(err)
			}
			return
		}
		width, height := int64(plan.Width), int64(plan.Height)
		if width < 1 || height < 1 || width*height > limits.MaxPixels {
			t.Fatalf("%dx%d is let through", width, height)
		}
		scaled := min(width, int64(specs[2].Width))
		if least := scaled * max(1, height*scaled/width); plan.Memory < least {
			t.Fatalf("%dx%d is priced at %d", width, height, plan.Memory)
		}
	})
}

// refused says whether an error is one of the two that an original is refused with.
func refused(err error) bool {
	return errors.Is(err, thumb.ErrOriginalUnusable) != errors.Is(err, thumb.ErrOriginalForApp)
}

// seed adds the beginnings of photos, and small ones.
func seed(f *testing.F) {
	files, err := filepath.Glob("testdata/photos/*/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(files, "testdata/photos/tiny_120.jpg", "testdata/photos/grey16_400.png", "testdata/photos/lossy_700.webp", "testdata/photos/tall_9x3000.jpg", "testdata/photos/lzw_700.tif", "testdata/photos/animated_320.gif") {
		original, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(original[:min(len(original), 4096)])
	}
}

func FuzzRender(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, original []byte) {
		plan, err := render.Inspect(original, specs[:1], render.Limits{MaxPixels: 1 << 16})
		if err != nil {
			if !refused(err) {
				t.Fatal(err)
			}
			return
		}
		if pixels := int64(plan.Width) * int64(plan.Height); plan.Memory < pixels || pixels > 1<<16 {
			t.Fatalf("%dx%d is priced at %d", plan.Width, plan.Height, plan.Memory)
		}
		pictures, err := plan.Render(t.Context(), quality)
		if err != nil && !refused(err) {
			t.Fatal(err)
		}
		for _, p := range pictures {
			decode(t, p)
		}
	})
}
