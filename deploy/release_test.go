//go:build release

package deploy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRelease makes the release as `make release` does, twice: archives, packages and bills
// are the same to the byte, have the checksums that are said, and hold programs that run.
func TestRelease(t *testing.T) {
	first := release(t)
	if second := release(t); !maps.Equal(first, second) {
		t.Errorf("made twice, the archives differ:\n%v\n%v", first, second)
	}
	if len(first) != 3+2+3 {
		t.Errorf("%d files, want 3 archives, a bill of materials each, and 2 packages: %v", len(first), first)
	}
	for name := range first {
		if !strings.HasSuffix(name, ".tar.gz") {
			continue // deploy/debian has a test of the packages
		}
		t.Run(name, func(t *testing.T) {
			files := unpack(t, filepath.Join("..", "dist", name))
			for _, wanted := range []string{"LICENSE", "README.md", "config.example.toml", "RUNBOOK.md", "nginx/thumbedge.conf", "systemd/thumbedge.service", "man/thumbedge.1", "LICENSES.txt"} {
				if len(files[wanted]) == 0 {
					t.Errorf("there is no %s in it", wanted)
				}
			}
			bill(t, strings.TrimSuffix(name, ".tar.gz"), files)
			static := !strings.Contains(name, "turbojpeg")
			machine := elf.EM_X86_64
			if strings.Contains(name, "arm64") {
				machine = elf.EM_AARCH64
			}
			program, err := elf.NewFile(bytes.NewReader(files["thumbedge"]))
			if err != nil {
				t.Fatal(err)
			}
			libraries, err := program.ImportedLibraries()
			if err != nil || program.Machine != machine || static != (len(libraries) == 0) || !static && !slices.Contains(libraries, "libjpeg.so.62") {
				t.Errorf("a program for %v that needs %v, %v", program.Machine, libraries, err)
			}
			if machine == elf.EM_X86_64 {
				runVersion(t, name, files["thumbedge"])
			}
		})
	}
}

// bill compares an archive's bill of materials with what the program itself says that it was
// built of: each module, at its version, with a licence whose words go along.
func bill(t *testing.T, name string, files map[string][]byte) {
	t.Helper()
	var bill struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Hashes []struct{ Content string } }
		}
		Components []struct {
			Name, Version string
			Licenses      []struct{ License struct{ ID string } }
		}
	}
	text := read(t, filepath.Join("..", "dist", name+".cdx.json"))
	if err := json.Unmarshal([]byte(text), &bill); err != nil || bill.BOMFormat != "CycloneDX" || text != string(files["sbom.cdx.json"]) {
		t.Fatalf("no bill in CycloneDX, or another one than in the archive: %v", err)
	}
	if hashes := bill.Metadata.Component.Hashes; len(hashes) != 1 || hashes[0].Content != fmt.Sprintf("%x", sha256.Sum256(files["thumbedge"])) {
		t.Errorf("the bill is of another program: %v", hashes)
	}
	listed := map[string]bool{}
	for _, c := range bill.Components {
		if len(c.Licenses) == 0 || c.Licenses[0].License.ID == "" {
			t.Errorf("%s has no licence", c.Name)
		}
		listed[c.Name+" "+c.Version] = true
	}
	info, err := buildinfo.Read(bytes.NewReader(files["thumbedge"]))
	if err != nil || len(info.Deps) < 20 {
		t.Fatalf("the program says little of what it was built of: %v, %v", info, err)
	}
	wanted := []string{"std " + info.GoVersion}
	for _, module := range info.Deps {
		wanted = append(wanted, module.Path+" "+module.Version)
	}
	if strings.Contains(name, "turbojpeg") {
		wanted = append(wanted, "libjpeg-turbo ")
	}
	for _, part := range wanted {
		if !listed[part] {
			t.Errorf("the bill lacks %s", part)
		}
		if part != "libjpeg-turbo " && !strings.Contains(string(files["LICENSES.txt"]), "\n"+part+" (") {
			t.Errorf("LICENSES.txt lacks %s", part)
		}
	}
	if len(listed) != len(wanted) {
		t.Errorf("the bill has %d parts, the program %d", len(listed), len(wanted))
	}
}

// runVersion runs the program that was in an archive.
func runVersion(t *testing.T, name string, program []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "thumbedge")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(path, "version").CombinedOutput()
	engine := map[bool]string{true: "turbojpeg", false: "go"}[strings.Contains(name, "turbojpeg")]
	version, _, _ := strings.Cut(strings.TrimPrefix(name, "thumbedge-"), "-linux-")
	if err != nil || !strings.Contains(string(output), version) || !strings.Contains(string(output), engine) {
		t.Errorf("version: %v, %s; want %s and engine %s", err, output, version, engine)
	}
}

// release runs `make release` and returns the checksums of what it made, compared with those
// that SHA256SUMS says.
func release(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command("make", "-C", "..", "release")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	entries, err := os.ReadDir("../dist")
	if err != nil {
		t.Fatal(err)
	}
	said := read(t, "../dist/SHA256SUMS")
	for _, entry := range entries {
		name := entry.Name()
		if name == "SHA256SUMS" {
			continue
		}
		sums[name] = fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, filepath.Join("../dist", name)))))
		if !strings.Contains(said, sums[name]+"  "+name+"\n") {
			t.Errorf("SHA256SUMS says of %s something else than %s:\n%s", name, sums[name], said)
		}
	}
	return sums
}

// unpack returns the files of an archive, without the folder that they are in.
func unpack(t *testing.T, path string) map[string][]byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(header.Name, "/")
		files[name] = content
	}
}
