package drive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build builds thumbedge from the sources of this checkout, which root leads to, with
// files in place of others (the go command's -overlay). Nothing in the checkout changes.
// It is the plain build, without C, that runs everywhere.
func build(t testing.TB, root string, overlay map[string][]byte) (binary string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for path, content := range overlay {
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

// clockVariable names, in the environment of a process with a clock of its own, the file
// that says by how many seconds that is off.
const clockVariable = "THUMBEDGE_HISTORY_CLOCK"

// clockSource gives thumbedge a clock that can be set.
const clockSource = `package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			text, _ := os.ReadFile(os.Getenv("` + clockVariable + `"))
			if seconds, err := strconv.ParseInt(string(text), 10, 64); err == nil {
				time.SteppedBy.Store(seconds)
			}
		}
	}()
}
`

// addClock overlays Go's own time.Now, so that each process has a wall clock that can be
// stepped while it runs, as an administrator or NTP would; its monotonic clock goes on, as
// it does on a real machine. The product and the machine's clock stay as they are. All of
// the standard library has to be compiled for that, once.
func addClock(t testing.TB, overlay map[string][]byte) {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("looking for Go's sources: %v", err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src/time/time.go")
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source, err = substitute(source, []snippet{
		{"func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n\tsec += SteppedBy.Load()\n"},
		{"\n\t\"errors\"\n", "\n\t\"errors\"\n\t\"sync/atomic\"\n"},
	})
	if err != nil {
		t.Fatalf("giving processes clocks of their own: %s: %v", path, err)
	}
	overlay[path] = append(source, "\n// SteppedBy is how many seconds this process's clock is off.\nvar SteppedBy atomic.Int64\n"...)
	overlay["cmd/thumbedge/clock.go"] = []byte(clockSource)
}

// snippet is a piece of source and what takes its place.
type snippet struct{ old, new string }

// substitute puts snippets in their places; each must be there exactly once.
func substitute(source []byte, snippets []snippet) ([]byte, error) {
	for _, s := range snippets {
		if n := bytes.Count(source, []byte(s.old)); n != 1 {
			return nil, fmt.Errorf("this snippet is there %d times, and must be once: %q", n, s.old)
		}
		source = bytes.Replace(source, []byte(s.old), []byte(s.new), 1)
	}
	return source, nil
}
