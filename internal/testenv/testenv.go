// Package testenv starts the real parts that tests run against: PostgreSQL with
// the app's tables, an S3 server, toxiproxy, Chromium. A part starts when the
// first test of a process asks for it and is shared by the tests of that process;
// what a test gets of it (a database, a bucket) is its own. A part that is
// missing fails the test: nothing skips itself.
//
// A package whose tests use it has
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
package testenv

import (
	"os"
	"slices"
	"sync"
	"testing"
)

var (
	stopMu sync.Mutex
	stops  []func() // of the parts that run, in the order of their start
)

// Main runs the tests of a package, then stops the parts that they started.
func Main(m *testing.M) int {
	defer func() {
		stopMu.Lock()
		defer stopMu.Unlock()
		for _, stop := range slices.Backward(stops) {
			stop()
		}
	}()
	return m.Run()
}

// atExit registers what ends a part when the process's tests are over.
func atExit(stop func()) {
	stopMu.Lock()
	defer stopMu.Unlock()
	stops = append(stops, stop)
}

// tempDir makes a folder for a part, short-named for the sake of sockets in it,
// readable by the user that the part runs as, and removed at the end.
func tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "te-")
	if err != nil {
		return "", err
	}
	atExit(func() { _ = os.RemoveAll(dir) })
	return dir, os.Chmod(dir, 0o755)
}
