package lint_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

// allowed are the licences that what thumbedge links may have, by their SPDX names:
// permissive ones, which ask for no more than their text beside the binary.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unlicense"}

// notice is a file that states a licence. PATENTS and AUTHORS are none.
var notice = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)`)

// TestLicences: every module that a build of thumbedge links, with libjpeg-turbo or
// without, says what its licence is, and that is one of those allowed.
func TestLicences(t *testing.T) {
	modules := linkedModules(t)
	if len(modules) < 20 {
		t.Fatalf("only %d modules are linked: this test looks at the wrong build", len(modules))
	}
	for path, dir := range modules {
		found := licencesIn(t, dir)
		if len(found) == 0 {
			t.Errorf("%s: no licence found", path)
		}
		for _, licence := range found {
			if !slices.Contains(allowed, licence) {
				t.Errorf("%s: licence %s is not among those allowed", path, licence)
			}
		}
	}
}

// linkedModules returns the folder of each module that is linked, by the module's path.
func linkedModules(t *testing.T) map[string]string {
	t.Helper()
	modules := map[string]string{}
	for _, tags := range []string{"", "turbojpeg"} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Module", "-tags", tags, "./cmd/thumbedge")
		list.Dir, list.Stderr = "../..", t.Output()
		output, err := list.Output()
		if err != nil {
			t.Fatalf("listing what is linked: %v", err)
		}
		for decoder := json.NewDecoder(strings.NewReader(string(output))); decoder.More(); {
			var pkg struct {
				Module *struct {
					Path, Dir string
					Main      bool
				}
			}
			if err := decoder.Decode(&pkg); err != nil {
				t.Fatal(err)
			}
			if pkg.Module != nil && !pkg.Module.Main {
				modules[pkg.Module.Path] = pkg.Module.Dir
			}
		}
	}
	return modules
}

// licencesIn returns the licences that the files at the top of dir state.
func licencesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() || !notice.MatchString(entry.Name()) {
			continue
		}
		for _, match := range licensecheck.Scan(read(t, filepath.Join(dir, entry.Name()))).Match {
			found = append(found, match.ID)
		}
	}
	return found
}
