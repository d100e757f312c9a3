package render_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/render"
)

// scaler is testdata/scaler while it runs.
type scaler struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
	log bytes.Buffer
}

// startScaler builds it with the engine under test, and starts it.
func startScaler(t testing.TB) *scaler {
	t.Helper()
	program := filepath.Join(t.TempDir(), "scaler")
	if out, err := exec.Command("go", "build", "-tags", render.Engine(), "-o", program, "./testdata/scaler").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := &scaler{cmd: exec.Command(program)}
	s.cmd.Stderr = &s.log
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if s.out, err = s.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.in.Close()
		_ = s.cmd.Wait()
	})
	return s
}

// render has an original rendered; the test fails where that ends the process.
func (s *scaler) render(t testing.TB, original []byte, width int) (rendered bool) {
	t.Helper()
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(len(original)))
	answer := make([]byte, 1)
	_, err := s.in.Write(append(head, original...))
	if err == nil {
		_, err = io.ReadFull(s.out, answer)
	}
	if err != nil {
		_ = s.cmd.Wait()
		t.Fatalf("the process ended: %v: %s", err, s.log.String())
	}
	return answer[0] == 'r'
}

// rasters are small originals that are no JPEG.
func rasters(t testing.TB) (originals [][]byte) {
	t.Helper()
	for _, pattern := range []string{"testdata/photos/*", "testdata/photos/cameras/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !slices.Contains([]string{".png", ".gif", ".bmp", ".tif", ".webp"}, filepath.Ext(name)) {
				continue
			}
			original, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(original) < 64<<10 {
				originals = append(originals, original)
			}
		}
	}
	if len(originals) < 20 {
		t.Fatalf("only %d are there", len(originals))
	}
	return originals
}

// FuzzScaler: whatever a decoder makes of an original, disintegration/imaging copes
// with it. It would take the process with it.
func FuzzScaler(f *testing.F) {
	for _, original := range rasters(f) {
		f.Add(original, byte(60))
	}
	s := startScaler(f)
	f.Fuzz(func(t *testing.T, original []byte, width byte) {
		s.render(t, original, 1+int(width))
	})
}

// TestScalerSeesRasters: what FuzzScaler begins with reaches disintegration/imaging.
func TestScalerSeesRasters(t *testing.T) {
	t.Parallel()
	s, rendered := startScaler(t), 0
	for _, original := range rasters(t) {
		if s.render(t, original, 100) {
			rendered++
		}
	}
	if rendered < 18 {
		t.Errorf("only %d are rendered", rendered)
	}
}
