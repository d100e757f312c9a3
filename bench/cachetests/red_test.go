package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReasons: each red test has its reason, once, and only red ones have.
func TestReasons(t *testing.T) {
	t.Parallel()
	reasons, err := readReasons("red.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(reasons) == 0 {
		t.Fatal("red.txt names no test: the suite was never passed as a whole")
	}
	for _, text := range []string{"vary-match\n", "vary-match one reason\nvary-match another\n"} {
		file := filepath.Join(t.TempDir(), "red.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readReasons(file); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	reasons := map[string]string{"a": "no heuristics", "b": "no stored partials"}
	for _, test := range []struct {
		name, want string
		red        map[string]string
	}{
		{"as expected", "", map[string]string{"a": "", "b": ""}},
		{"a new red one", "c is red", map[string]string{"a": "", "b": "", "c": "required: false"}},
		{"a newly green one", "b is green", map[string]string{"a": ""}},
	} {
		err := compare(test.red, reasons)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}
