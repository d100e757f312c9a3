package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// Tool returns the path of a program that `make tools` installs into the
// checkout.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := tool(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func tool(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", &missingTool{name}
		}
	}
	path := filepath.Join(dir, ".tools", name)
	if _, err := os.Stat(path); err != nil {
		return "", &missingTool{name}
	}
	return path, nil
}

// missingTool is the one line that a person without the program is shown.
type missingTool struct{ name string }

func (e *missingTool) Error() string {
	return e.name + " is not in .tools: run `make tools`"
}
