package render_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/render"
)

// renderInChild tells the test binary to render one photo and report its peak.
const renderInChild = "THUMBEDGE_RENDER_IN_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(renderInChild); job != "" {
		os.Exit(child(job))
	}
	os.Exit(m.Run())
}

// child renders "<photo> <first label> <one past the last>" and prints its
// estimate, and by how much its resident memory grew at the peak.
func child(job string) int {
	fields := strings.Fields(job)
	from, _ := strconv.Atoi(fields[1])
	to, _ := strconv.Atoi(fields[2])
	original, err := os.ReadFile(fields[0])
	if err == nil {
		err = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	}
	if err != nil {
		return 1
	}
	idle := resident("VmRSS:")
	plan, err := render.Inspect(original, specs[from:to], limits)
	if err != nil {
		return 2
	}
	if _, err := plan.Render(context.Background(), quality); err != nil {
		return 3
	}
	fmt.Println(plan.Memory, resident("VmHWM:")-idle)
	return 0
}

// resident reads a line of /proc/self/status, in bytes: what the process holds
// whoever allocated it, Go or C.
func resident(field string) int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), field)
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, _ := strconv.ParseInt(number, 10, 64)
	return kilobytes << 10
}

// measure renders a photo in a process of its own.
func measure(t *testing.T, photo string, from, to int) (estimate, peak int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), renderInChild+"="+photo+" "+strconv.Itoa(from)+" "+strconv.Itoa(to))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fields := strings.Fields(string(out))
	if len(fields) != 2 {
		t.Fatalf("the child says %q", out)
	}
	estimate, _ = strconv.ParseInt(fields[0], 10, 64)
	peak, _ = strconv.ParseInt(fields[1], 10, 64)
	return estimate, peak
}

// TestEstimateHolds: no photo takes more memory than was said before decoding.
func TestEstimateHolds(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("testdata/photos")
	if err != nil {
		t.Fatal(err)
	}
	photos := []string{deep(t)}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && ext != ".json" && ext != ".md" {
			photos = append(photos, "testdata/photos/"+e.Name())
		}
	}
	for _, photo := range photos {
		for _, labels := range [][2]int{{0, 1}, {0, 3}} {
			estimate, peak := measure(t, photo, labels[0], labels[1])
			t.Logf("%s %v: estimate %.1f MB, peak %.1f MB", photo, labels, float64(estimate)/1e6, float64(peak)/1e6)
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
	for label, limit := range []int64{16e6, 16e6, 40e6} {
		if render.Engine() == "go" {
			limit = 110e6
		}
		if _, peak := measure(t, "testdata/photos/night_24mp_6000x4000.jpg", label, label+1); peak > limit {
			t.Errorf("%s takes %.1f MB, at most %.0f are allowed", specs[label].Label, float64(peak)/1e6, float64(limit)/1e6)
		}
	}
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
