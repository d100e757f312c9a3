// Package lint_test holds the files of deploy/ to their own formats, by the libraries
// of those who made the formats: compose.yaml by the loader of docker compose, the
// Dockerfile by the parser and the checks of docker build, the manifests by the types
// of the Kubernetes API. It is a module of its own, so that thumbedge's has none of
// these; `make lint` runs it.
package lint_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCompose: docker compose's schema and loader accept the file, every service but
// the one that ends has a health check, and every file that is mounted is there.
func TestCompose(t *testing.T) {
	project, err := loadCompose(t, read(t, "../compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services) != 6 {
		t.Errorf("%d services, want 6", len(project.Services))
	}
	for name, service := range project.Services {
		check := service.HealthCheck
		if ownImage := service.Build != nil; check == nil && !ownImage {
			t.Errorf("%s has no health check", name)
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, broken := range map[string]string{
		"a key that does not exist": "services:\n  a:\n    image: a\n    helthcheck: {}\n",
		"an unknown dependency":     "services:\n  a:\n    image: a\n    depends_on: [b]\n",
	} {
		if _, err := loadCompose(t, []byte(broken)); err == nil {
			t.Errorf("%s is accepted: this test shows nothing", name)
		}
	}
}

func loadCompose(t *testing.T, text []byte) (*types.Project, error) {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) { o.SetProjectName("thumbedge", true) })
}

// TestDockerfile: docker build parses it, and has nothing to warn of.
func TestDockerfile(t *testing.T) {
	warnings, err := checkDockerfile(read(t, "../Dockerfile"))
	if err != nil || len(warnings) > 0 {
		t.Errorf("%v, %v", err, warnings)
	}
	if warnings, _ := checkDockerfile([]byte("FROM debian as x\nMAINTAINER me\n")); len(warnings) != 2 {
		t.Errorf("a bad Dockerfile has the warnings %v: this test shows nothing", warnings)
	}
	if _, err := checkDockerfile([]byte("FROM debian\nRUNN true\n")); err == nil {
		t.Error("an unknown instruction is accepted: this test shows nothing")
	}
}

func checkDockerfile(text []byte) (warnings []string, err error) {
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	for _, warning := range result.Warnings {
		warnings = append(warnings, warning.Short)
	}
	_, _, err = instructions.Parse(result.AST, linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, _ []parser.Range) { warnings = append(warnings, rule+": "+message) },
	}))
	return warnings, err
}

// TestManifests: each manifest is of its kind, with no field that the API does not know.
func TestManifests(t *testing.T) {
	kinds := map[string]any{
		"configmap.yaml":           &core.ConfigMap{},
		"secret.yaml":              &core.Secret{},
		"deployment.yaml":          &apps.Deployment{},
		"service.yaml":             &core.Service{},
		"poddisruptionbudget.yaml": &policy.PodDisruptionBudget{},
	}
	files, err := filepath.Glob("../kubernetes/*.yaml")
	if err != nil || len(files) != len(kinds) {
		t.Fatalf("%v, %v", files, err)
	}
	for _, path := range files {
		into, ok := kinds[filepath.Base(path)]
		if !ok {
			t.Errorf("%s: which kind is this?", path)
			continue
		}
		if err := yaml.UnmarshalStrict(read(t, path), into); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if yaml.UnmarshalStrict([]byte("spec: {replica: 2}"), &apps.Deployment{}) == nil {
		t.Error("a field that does not exist is accepted: this test shows nothing")
	}
}
