package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
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
	yes, no := true, false
	want := config.Defaults()
	// What has no default.
	want.Upstream.URL = "http://127.0.0.1:8000"
	want.Database.URL = "postgres://antenna:secret@127.0.0.1:5432/antenna"
	want.Storage.Driver, want.Storage.Bucket = config.DriverS3, "antenna"
	want.Thumbnails = []config.Thumbnail{
		{Label: "small", Width: 240, FallbackOriginal: &yes},
		{Label: "medium", Width: 1024, FallbackOriginal: &no},
		{Label: "large", Width: 2560, FallbackOriginal: &no},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config.example.toml is not the defaults (-defaults +example):\n%s", diff)
	}
	// The example spells out what an absent fallback_original means.
	unspoken := *want
	unspoken.Thumbnails = []config.Thumbnail{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	if diff := cmp.Diff(unspoken.Specs(), got.Specs()); diff != "" {
		t.Errorf("the default of fallback_original is not the example's:\n%s", diff)
	}
}

func TestExampleListsEveryKey(t *testing.T) {
	t.Parallel()
	var tree map[string]any
	if err := toml.Unmarshal(readExample(t), &tree); err != nil {
		t.Fatal(err)
	}
	requireKeys(t, reflect.TypeFor[config.File](), tree, "")
}

func requireKeys(t *testing.T, in reflect.Type, tree map[string]any, at string) {
	t.Helper()
	for i := range in.NumField() {
		field := in.Field(i)
		key := field.Tag.Get("toml")
		value, ok := tree[key]
		if !ok {
			t.Errorf("config.example.toml lacks %s%s", at, key)
			continue
		}
		switch field.Type.Kind() {
		case reflect.Struct:
			requireKeys(t, field.Type, value.(map[string]any), at+key+".")
		case reflect.Slice:
			if field.Type.Elem().Kind() == reflect.Struct {
				requireKeys(t, field.Type.Elem(), value.([]any)[0].(map[string]any), at+key+".")
			}
		}
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
	for text, want := range map[string]config.Size{"0": 0, "1": 1, "64MiB": 64 << 20, "1 GiB": 1 << 30, "3kB": 3000} {
		var got config.Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("size %q is %d, %v; want %d", text, got, err, want)
		}
		var again config.Size
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("size %d is written %q, which reads as %d, %v", got, got, again, err)
		}
	}
	for _, text := range []string{"", "-1", "MiB", "64MB/s", "1e30GiB"} {
		if err := new(config.Size).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("size %q is accepted", text)
		}
	}
	for _, text := range []string{"", "5", "-1s", "1 day"} {
		if err := new(config.Duration).UnmarshalText([]byte(text)); err == nil {
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
