package render

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// plainPlan plans to decode at an eighth; nil where the original is not accepted.
func plainPlan(original []byte) *Plan {
	plan, err := Inspect(original, []thumb.Spec{{Label: "small", Width: 1}}, Limits{MaxPixels: 100_000_000})
	if err != nil || plan.Format != "jpeg" {
		return nil
	}
	plan.sizes, plan.eighths = []size{{16, 16}}, 1
	return plan
}

// What cameras write is decoded here, and nothing else is.
func TestWhatIsPlain(t *testing.T) {
	t.Parallel()
	for name, original := range plainFiles(t) {
		plan := plainPlan(original)
		if plan == nil {
			if name != "other_arithmetic.jpg" || Engine() != "go" {
				t.Errorf("%s is not let through", name)
			}
			continue
		}
		_, err := plan.decodeEighth()
		other := strings.HasPrefix(name, "other_") || strings.HasPrefix(name, "progressive") || strings.HasPrefix(name, "cmyk")
		if other && !errors.Is(err, errNotPlain) || !other && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !other { // a byte that is missing or too many
			for _, original := range [][]byte{
				append(append([]byte{}, original[:len(original)-3]...), "\xff\xd9"...),
				append(append([]byte{}, original[:len(original)-2]...), "\x00\xff\xd9"...),
			} {
				if plan := plainPlan(original); plan != nil {
					if _, err := plan.decodeEighth(); !errors.Is(err, errNotPlain) {
						t.Errorf("%s, a byte more or less: %v", name, err)
					}
				}
			}
		}
	}
}

// plainFiles are all photos and the JPEGs of testdata/plain, by name.
func plainFiles(t testing.TB) map[string][]byte {
	files := map[string][]byte{}
	for _, pattern := range []string{"testdata/photos/*.jpg", "testdata/plain/*.jpg"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			original, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = original
		}
	}
	if len(files) < 20 {
		t.Fatalf("only %d files are there", len(files))
	}
	return files
}
