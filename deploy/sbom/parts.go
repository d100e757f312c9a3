package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// part is something that a program is made of.
type part struct {
	path, version string
	sum           string   // of its files, as go.sum has it; "": not known
	licences      []string // SPDX names
	texts         []string // the licences themselves, and notices
	linked        string   // "dynamic": it comes from the system
}

// notice is a file that states a licence, or what has to be passed on with it.
var notice = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense|notice)`)

// partsOf returns what a program is made of: Go's library, the modules, and what C it needs.
func partsOf(program string) ([]part, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("reading what %s was built of: %w", program, err)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("asking for GOROOT: %w", err)
	}
	std := part{path: "std", version: info.GoVersion}
	if err := std.read(strings.TrimSpace(string(goroot))); err != nil {
		return nil, err
	}
	parts := []part{std}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		parts = append(parts, part{path: module.Path, version: module.Version, sum: module.Sum})
	}
	folders, err := moduleFolders(parts[1:])
	if err != nil {
		return nil, err
	}
	for i := range parts[1:] {
		p := &parts[1+i]
		if err := p.read(folders[p.path]); err != nil {
			return nil, err
		}
	}
	for _, setting := range info.Settings {
		if setting.Key == "-tags" && slices.Contains(strings.Split(setting.Value, ","), "turbojpeg") {
			parts = append(parts, part{path: "libjpeg-turbo", licences: []string{"IJG", "BSD-3-Clause", "Zlib"}, linked: "dynamic"})
		}
	}
	return parts, nil
}

// moduleFolders returns where the module cache has each module.
func moduleFolders(modules []part) (map[string]string, error) {
	args := []string{"mod", "download", "-json"}
	for _, m := range modules {
		args = append(args, m.path+"@"+m.version)
	}
	output, err := exec.Command("go", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("finding the modules: %w: %s", err, output)
	}
	folders := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(output)); decoder.More(); {
		var found struct{ Path, Dir string }
		if err := decoder.Decode(&found); err != nil {
			return nil, fmt.Errorf("reading where the modules are: %w", err)
		}
		folders[found.Path] = found.Dir
	}
	return folders, nil
}

// read finds the licences that the files at the top of dir state.
func (p *part) read(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() || !notice.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		p.texts = append(p.texts, strings.TrimSpace(string(text)))
		for _, match := range licensecheck.Scan(text).Match {
			if !slices.Contains(p.licences, match.ID) {
				p.licences = append(p.licences, match.ID)
			}
		}
	}
	if len(p.licences) == 0 {
		return fmt.Errorf("%s states no licence that is known", p.path)
	}
	return nil
}
