package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// built is the folder of the thumbedge that the tests run.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "thumbedge-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "thumbedge")
	output, err := exec.Command("go", "build", "-tags", "turbojpeg", "-ldflags", "-X main.version=test", "-o", path, "../cmd/thumbedge").CombinedOutput()
	if err != nil {
		os.Stderr.Write(output)
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := testenv.Main(m)
	if dir, err := built(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// binary builds thumbedge once and returns its path.
func binary(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatalf("building thumbedge: %v", err)
	}
	return filepath.Join(dir, "thumbedge")
}
