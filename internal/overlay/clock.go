package overlay

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ClockVariable names, in the environment of a process with a clock of its own, the file
// that says by how many seconds that is off.
const ClockVariable = "THUMBEDGE_TEST_CLOCK"

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
			text, _ := os.ReadFile(os.Getenv("` + ClockVariable + `"))
			if seconds, err := strconv.ParseInt(string(text), 10, 64); err == nil {
				time.SteppedBy.Store(seconds)
			}
		}
	}()
}
`

// AddClock overlays Go's own time.Now, so that each process has a wall clock that can be
// stepped while it runs, as an administrator or NTP would; its monotonic clock goes on, as
// it does on a real machine. The product and the machine's clock stay as they are. All of
// the standard library has to be compiled for that, once.
func AddClock(t testing.TB, files Files) {
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
	source, err = Substitute(source, []Snippet{
		{"func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n\tsec += SteppedBy.Load()\n"},
		{"\n\t\"errors\"\n", "\n\t\"errors\"\n\t\"sync/atomic\"\n"},
	})
	if err != nil {
		t.Fatalf("giving processes clocks of their own: %s: %v", path, err)
	}
	files[path] = append(source, "\n// SteppedBy is how many seconds this process's clock is off.\nvar SteppedBy atomic.Int64\n"...)
	files["cmd/thumbedge/clock.go"] = []byte(clockSource)
}
