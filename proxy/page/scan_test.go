package page

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var (
	update = flag.Bool("update", false, "rewrite what the cases in testdata expect")
	madeUp = flag.Int("made-up", 1000, "how many bodies TestMadeUpBodies makes")
)

var testSpecs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}

func newScanner(t testing.TB) *Scanner {
	t.Helper()
	s, err := NewScanner(Config{
		Field: "thumbnails",
		Route: "/api/v2/captures/thumbnails/",
		Specs: testSpecs,
		Hosts: []string{"127.0.0.1:9000", "files.example.org:443"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rewrite replaces every reference of f by a URL that shows what it was.
func rewrite(f *Found, body []byte) []byte {
	r := NewRewriter(nil, body)
	for i := range f.Refs {
		ref := &f.Refs[i]
		r.Close(fmt.Appendf(r.Open(ref, false), "https://cdn.example.org/%d/%s", f.IDs[ref.Capture], testSpecs[ref.Position].Label))
	}
	return r.Finish()
}

// A case is one file: remarks, the body, and what becomes of it. The request's own
// authority is app.example.org in all of them.
func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			remarks, rest, _ := strings.Cut(string(text), "-- body --\n")
			body, want, _ := strings.Cut(rest, "\n-- rewritten --\n")

			var f Found
			got := "not JSON, stays as it is"
			if newScanner(t).Scan(&f, []byte(body), Hosts{nil, []byte("app.example.org")}) {
				got = fmt.Sprintf("captures %d, references %d, other authority %d, other label %d\n%s",
					len(f.IDs), len(f.Refs), f.OtherHost, f.OtherLabel, rewrite(&f, []byte(body)))
			}
			got += "\n"
			if *update {
				if err := os.WriteFile(file, []byte(remarks+"-- body --\n"+body+"\n-- rewritten --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever place a body is cut off at, what is left of it is rewritten as in the whole, or
// stays as it is: always where a string, or an object that is looked into, is cut.
func TestEveryTruncation(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	whole := []byte(`{"comment":"}]{\"\\","results":[{"id":1,"thumbnails":{"small":"/api/v2/captures/thumbnails/1/?label=small"},"x":[[],{}]},` +
		strings.Repeat(`{"thumbnails":{"a":{},"large":"/api/v2/captures/thumbnails/2/?label=large"}},`, 5) + `{}]}`)
	var f, cut Found
	if !s.Scan(&f, whole, Hosts{}) || len(f.Refs) != 6 {
		t.Fatalf("%d references in the whole body", len(f.Refs))
	}
	for n := range whole {
		ok := s.Scan(&cut, whole[:n], Hosts{})
		if !ok && len(cut.Refs)+len(cut.IDs) > 0 || ok && !isCutOf(cut.Refs, f.Refs, n) {
			t.Errorf("cut off after %d bytes: %v of %v in %s", n, cut.Refs, f.Refs, whole[:n])
		}
		if ok && whole[n-1] != '}' {
			t.Errorf("cut off after %d bytes, it is taken for JSON: %s", n, whole[:n])
		}
	}
}

// isCutOf says whether refs are those of the whole that end in its first n bytes.
func isCutOf(refs, whole []Ref, n int) bool {
	for len(whole) > 0 && whole[len(whole)-1].End > n {
		whole = whole[:len(whole)-1]
	}
	return slices.Equal(refs, whole)
}

// Where the blocks' borders fall makes no difference.
func TestEveryOffset(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	value := `\/api/v2/captures/thumbnails/1/?label=small`
	for pad := range 3 * blockSize {
		space := strings.Repeat(" ", pad)
		slashes := strings.Repeat(`\\`, pad)
		for _, body := range []string{
			space + `{"thumbnails":{"small":"` + value + `"}}`,
			`{` + space + `"thumbnails"` + space + `:` + space + `{` + space + `"small"` + space + `:` + space + `"` + value + `"` + space + `}` + space + `}` + space,
			`{"a":"` + slashes + `\"","thumbnails":{"small":"` + value + `"}}`,
			`{"a":"` + slashes + `","thumbnails":{"small":"` + value + `"}}`,
			`{"` + slashes + `":{"thumb\u006eails":{"` + slashes + `":"` + slashes + `","small":"` + value + `"}}}`,
		} {
			var f Found
			if !s.Scan(&f, []byte(body), Hosts{}) || len(f.Refs) != 1 || body[f.Refs[0].Start:f.Refs[0].End] != value {
				t.Errorf("offset %d: %v in %s", pad, f.Refs, body)
			}
		}
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	nested := func(open, inner, closed string, depth int) []byte {
		return []byte(strings.Repeat(open, depth) + inner + strings.Repeat(closed, depth))
	}
	const inner = `{"thumbnails":{"small":"/api/v2/captures/thumbnails/1/"}}`
	for name, c := range map[string]struct {
		body []byte
		refs int
		ok   bool
	}{
		"arrays":                    {nested("[", inner, "]", 1<<20), 1, true},
		"objects":                   {nested(`{"a":`, inner, "}", 1<<20), 1, true},
		"fields":                    {nested(`{"thumbnails":`, inner, `,"small":"/api/v2/captures/thumbnails/2/"}`, MaxDepth-1), MaxDepth - 1, true},
		"one field too deep":        {nested(`{"thumbnails":`, inner, `}`, MaxDepth), 0, false},
		"arrays in a field":         {nested("[", `{"thumbnails":{"a":`+string(nested("[", "1", "]", MaxDepth-1))+`}}`, "]", 1), 0, true},
		"one array too deep in it":  {nested("[", `{"thumbnails":{"a":`+string(nested("[", "1", "]", MaxDepth))+`}}`, "]", 1), 0, false},
		"a bomb of arrays":          {nested("[", "", "]", 1<<20), 0, true},
		"a bomb that never closes":  {nested(`{"thumbnails":`, "", "", 1<<18), 0, false},
		"a bomb of closing ones":    {nested("", "", "}", 1<<20), 0, false},
		"closed more than opened":   {[]byte("{}" + strings.Repeat("}", 2000)), 0, true},
		"opened and closed in turn": {[]byte("[" + strings.Repeat("[],", 1<<16) + "[]]"), 0, true},
	} {
		var f Found
		if ok := s.Scan(&f, c.body, Hosts{}); ok != c.ok || len(f.Refs) != c.refs {
			t.Errorf("%s: %t with %d references, want %t with %d", name, ok, len(f.Refs), c.ok, c.refs)
		}
	}
}

func TestDistinctCaptures(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	var body bytes.Buffer
	const captures = 3000
	for i := range 3 * captures {
		fmt.Fprintf(&body, `,{"thumbnails":{"small":"/api/v2/captures/thumbnails/%d/"}}`, i*7%captures+1)
	}
	text := append(append([]byte("["), body.Bytes()[1:]...), ']')
	var f Found
	for range 2 {
		if !s.Scan(&f, text, Hosts{}) || len(f.Refs) != 3*captures || len(f.IDs) != captures {
			t.Fatalf("%d references to %d captures", len(f.Refs), len(f.IDs))
		}
		for i, ref := range f.Refs {
			if id := f.IDs[ref.Capture]; id != thumb.ID(i*7%captures+1) {
				t.Fatalf("reference %d is to capture %d", i, id)
			}
		}
	}
}

func TestNewScannerNamesEveryMistake(t *testing.T) {
	t.Parallel()
	_, err := NewScanner(Config{Route: "thumbnails"})
	for _, key := range []string{"rewrite.field: ", "rewrite.route: ", "thumbnails: "} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("the error %v does not mention %q", err, key)
		}
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	body, err := os.ReadFile("testdata/page_40_captures.json")
	if err != nil {
		t.Fatal(err)
	}
	s, host := newScanner(t), []byte("app.example.org")
	var f Found
	var dst []byte
	if n := testing.AllocsPerRun(100, func() {
		if !s.Scan(&f, body, Hosts{host}) || len(f.Refs) != 120 || len(f.IDs) != 40 {
			t.Fatalf("%d references to %d captures", len(f.Refs), len(f.IDs))
		}
		r := NewRewriter(dst[:0], body)
		for i := range f.Refs {
			r.Close(append(r.Open(&f.Refs[i], false), "https://cdn.example.org/thumbnails/capture_1000001/small_0123456789abcdef.jpg"...))
		}
		dst = r.Finish()
	}); n != 0 {
		t.Errorf("%v allocations for a page, want 0", n)
	}
}

// Bodies that would take hours if anything in the scan looked back over what it
// has seen.
func TestScanTimeIsLinear(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	const size = 2 << 20
	fill := func(open, part, closed string) string {
		return open + strings.Repeat(part, size/len(part)) + closed
	}
	spaces := strings.Repeat(" ", size/8)
	for name, body := range map[string]string{
		"backslashes":               fill(`{"a":"`, `\\`, `"}`),
		"backslashes in a value":    fill(`{"thumbnails":{"a":"`, `\\`, `"}}`),
		"backslashes in a name":     fill(`{"thumbnails":{"`, `\\`, `":1}}`),
		"backslashes before a name": fill(`{"a":"`, `\\`, `","b":[`) + strings.Repeat(`{"\u0061":{}},`, 1000) + `1]}`,
		"escaped quotes":            fill(`{"thumbnails":{"a":"`, `\"`, `"}}`),
		"quotes":                    fill(`[`, `"",`, `""]`),
		"names with escapes":        fill(`[`, `{"\u0061\u0062\u0063":{}},`, `1]`),
		"nearly the name":           fill(`[`, `{"thumbnail\u0061":{}},`, `1]`),
		"fields in a row":           fill(`[`, `{"thumbnails":{"a":{},"b":[],"c":1}},`, `1]`),
		"one field of many values":  fill(`{"thumbnails":{`, `"a":"/api/v2/captures/thumbnails/x/",`, `"b":1}}`),
		"one field of many objects": fill(`{"thumbnails":{`, `"a":{},`, `"b":1}}`),
		"white space":               `[` + spaces + `{` + spaces + `"thumbnails"` + spaces + `:` + spaces + `{` + spaces + `"a"` + spaces + `:` + spaces + `[` + spaces + `]` + spaces + `}}]`,
		"long authorities":          fill(`{"thumbnails":{"a":"http://`, `:`, `/api/v2/captures/thumbnails/1/"}}`),
		"long queries":              fill(`{"thumbnails":{"a":"/api/v2/captures/thumbnails/1/?`, `labe=l&`, `"}}`),
		"long ids":                  fill(`{"thumbnails":{"a":"/api/v2/captures/thumbnails/`, `0`, `/"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f Found
			if !s.Scan(&f, []byte(body), Hosts{}) {
				t.Error("it is JSON, but is not taken for it")
			}
		})
	}
}
