//go:build release

package deploy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
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

// TestRelease makes the release as `make release` does, twice: the archives are the
// same to the byte, have the checksums that are said, and hold programs that run.
func TestRelease(t *testing.T) {
	first := release(t)
	if second := release(t); !maps.Equal(first, second) {
		t.Errorf("made twice, the archives differ:\n%v\n%v", first, second)
	}
	if len(first) != 3 {
		t.Errorf("%d archives, want 3: %v", len(first), first)
	}
	for name := range first {
		t.Run(name, func(t *testing.T) {
			files := unpack(t, filepath.Join("..", "dist", name))
			for _, wanted := range []string{"LICENSE", "README.md", "config.example.toml", "RUNBOOK.md", "nginx/thumbedge.conf", "systemd/thumbedge.service"} {
				if len(files[wanted]) == 0 {
					t.Errorf("there is no %s in it", wanted)
				}
			}
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

// release runs `make release` and returns the archives' checksums, compared with those
// that SHA256SUMS says.
func release(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command("make", "-C", "..", "release")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	archives, err := filepath.Glob("../dist/*.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	said := read(t, "../dist/SHA256SUMS")
	for _, path := range archives {
		name := filepath.Base(path)
		sums[name] = fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, path))))
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
