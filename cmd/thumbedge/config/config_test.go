package config_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pelletier/go-toml/v2"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var update = flag.Bool("update", false, "rewrite the expected problems in testdata")

const example = "../../../config.example.toml"

func environment(name string) (string, bool) {
	value, ok := map[string]string{"POSTGRES_PASSWORD": "secret"}[name]
	return value, ok
}

func readExample(t *testing.T) []byte {
	t.Helper()
	document, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestExampleEqualsDefaults(t *testing.T) {
	t.Parallel()
	got, err := config.Parse("example", readExample(t), environment)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Defaults()
	// What has no default.
	want.Upstream.URL = "http://127.0.0.1:8000"
	want.Database.URL = "postgres://antenna:secret@127.0.0.1:5432/antenna"
	want.Storage.Driver, want.Storage.Bucket = config.DriverS3, "antenna"
	want.Thumbnails = thumb.Specs{{Label: "small", Width: 240, FallbackOriginal: true}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("config.example.toml is not the defaults (-defaults +example):\n%s", diff)
	}
}

// TestFallbackToTheOriginal: the example spells out what an absent fallback_original
// means, which depends on all labels.
func TestFallbackToTheOriginal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		labels string
		want   []bool
	}{
		"none says it":       {"[[thumbnails]]\nlabel = \"a\"\nwidth = 900\n[[thumbnails]]\nlabel = \"b\"\nwidth = 90", []bool{false, true}},
		"each says it":       {"[[thumbnails]]\nlabel = \"a\"\nwidth = 900\nfallback_original = true\n[[thumbnails]]\nlabel = \"b\"\nwidth = 90\nfallback_original = false", []bool{true, false}},
		"the other says it":  {"[[thumbnails]]\nlabel = \"a\"\nwidth = 900\nfallback_original = true\n[[thumbnails]]\nlabel = \"b\"\nwidth = 90", []bool{true, true}},
		"one label, unsaid":  {"[[thumbnails]]\nlabel = \"a\"\nwidth = 900", []bool{true}},
		"written as a table": {"thumbnails = [{label = \"a\", width = 9}, {label = \"b\", width = 90}]", []bool{true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := config.Parse("f", []byte(c.labels+"\n"+rest), environment)
			if err != nil {
				t.Fatal(err)
			}
			var got []bool
			for _, spec := range file.Thumbnails {
				got = append(got, spec.FallbackOriginal)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("fallback_original (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPrefetch: a plain list of labels is for every page, tables are for a path each.
func TestPrefetch(t *testing.T) {
	t.Parallel()
	const label = "[[thumbnails]]\nlabel = \"small\"\nwidth = 90\n"
	for text, want := range map[string]proxy.PrefetchRules{
		"[rewrite]\nprefetch = []":          nil,
		"[rewrite]\nprefetch = [\"small\"]": {{Labels: []string{"small"}}},
		"[[rewrite.prefetch]]\npath = \"/api/v2/captures/*/\"\nlabels = [\"small\"]\n[[rewrite.prefetch]]\nlabels = []": {
			{Path: "/api/v2/captures/*/", Labels: []string{"small"}}, {Labels: []string{}},
		},
	} {
		file, err := config.Parse("f", []byte(text+"\n"+label+rest), environment)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, file.Rewrite.Prefetch); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// rest is what a file needs beside its labels.
const rest = `
[upstream]
url = "http://127.0.0.1:8000"
[database]
url = "postgres://127.0.0.1/antenna"
[storage]
driver = "s3"
bucket = "antenna"
`

// TestExampleListsEveryKey goes by what a status page shows: every key in force.
func TestExampleListsEveryKey(t *testing.T) {
	t.Parallel()
	var tree map[string]any
	if err := toml.Unmarshal(readExample(t), &tree); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	list(listed, "", tree)
	file, err := config.Parse("example", readExample(t), environment)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, setting := range file.Masked() {
		shown[setting.Key] = true
	}
	if len(shown) < 80 {
		t.Errorf("%d keys are known", len(shown))
	}
	if diff := cmp.Diff(shown, listed); diff != "" {
		t.Errorf("config.example.toml lists other keys than there are (-known +listed):\n%s", diff)
	}
}

// list collects the dotted keys of a TOML tree.
func list(into map[string]bool, key string, value any) {
	switch value := value.(type) {
	case map[string]any:
		if len(value) == 0 { // the names in it are the reader's own
			into[key] = true
		}
		for name, member := range value {
			list(into, strings.TrimPrefix(key+"."+name, "."), member)
		}
	case []any:
		for i, item := range value {
			if _, ok := item.(map[string]any); ok {
				list(into, fmt.Sprintf("%s[%d]", key, i), item)
			} else {
				into[key] = true
			}
		}
		if len(value) == 0 {
			into[key] = true
		}
	default:
		into[key] = true
	}
}

// TestProblems reads each testdata/problems/*.toml and compares all that is wrong
// with it to the .txt beside it.
func TestProblems(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/problems/*.toml")
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			document, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse("thumbedge.toml", document, environment)
			if err == nil {
				t.Fatal("it is accepted")
			}
			got, golden := err.Error()+"\n", strings.TrimSuffix(file, ".toml")+".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingFileIsNamed(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), "absent.toml"))
	if err == nil || !strings.Contains(err.Error(), "absent.toml") {
		t.Errorf("the error %v does not name the file", err)
	}
}

func TestSizesAndDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "1": 1, "64MiB": 64 << 20, "1 GiB": 1 << 30, "3kB": 3000} {
		got, err := config.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("size %q is %d, %v; want %d", text, got, err, want)
		}
		if again, err := config.ParseSize(config.FormatSize(got)); err != nil || again != got {
			t.Errorf("size %d is written %q, which reads as %d, %v", got, config.FormatSize(got), again, err)
		}
	}
	for _, text := range []string{"", "-1", "MiB", "64MB/s", "1e30GiB"} {
		if _, err := config.ParseSize(text); err == nil {
			t.Errorf("size %q is accepted", text)
		}
	}
	for _, text := range []string{"", "5", "-1s", "1 day"} {
		if _, err := config.ParseDuration(text); err == nil {
			t.Errorf("duration %q is accepted", text)
		}
	}
}

// FuzzParse: whatever a file holds, its problems are told with lines that it has.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/problems/*.toml", example} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			document, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(document))
		}
	}
	f.Fuzz(func(t *testing.T, document string) {
		_, err := config.Parse("f", []byte(document), environment)
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			return
		}
		for _, e := range joined.Unwrap() {
			p, ok := e.(config.Problem)
			if !ok || p.Line < 0 || p.Line > strings.Count(document, "\n")+1 {
				t.Errorf("%v is not a problem on a line of the file", e)
			}
		}
	})
}

// What Tree writes reads as the same configuration.
func TestTreeReadsAsItself(t *testing.T) {
	t.Parallel()
	want, err := config.Parse("example", readExample(t), environment)
	if err != nil {
		t.Fatal(err)
	}
	document, err := toml.Marshal(want.Tree())
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Parse("tree", document, environment)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it reads otherwise (-want +got):\n%s", diff)
	}
}
