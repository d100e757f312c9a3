// Package overlay builds thumbedge from the sources of this checkout with some of them
// replaced, for tests of what the product has no handle for: another clock, or a fault that
// has to be found. Nothing in the checkout changes.
package overlay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Files are sources that take the place of those of their names, below the checkout's root
// or absolute, and sources that are added.
type Files map[string][]byte

// Build builds thumbedge with files in place of others (the go command's -overlay). Root
// leads to the checkout. It is the plain build, without C, that runs everywhere.
func Build(t testing.TB, root string, files Files) (binary string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for path, content := range files {
		copied := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		if err := os.WriteFile(copied, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		replace[path] = copied
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlaid := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlaid, text, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "thumbedge")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlaid, "-o", binary, "./cmd/thumbedge")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building thumbedge: %v: %s", err, out)
	}
	return binary
}

// Snippet is a piece of source, and what takes its place.
type Snippet [2]string

// Substitute puts snippets in their places; each must be there exactly once.
func Substitute(source []byte, snippets []Snippet) ([]byte, error) {
	for _, s := range snippets {
		if n := bytes.Count(source, []byte(s[0])); n != 1 {
			return nil, fmt.Errorf("this snippet is there %d times, and must be once: %q", n, s[0])
		}
		source = bytes.Replace(source, []byte(s[0]), []byte(s[1]), 1)
	}
	return source, nil
}
