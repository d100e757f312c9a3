package page

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// oracleRef is a reference as the oracle finds it.
type oracleRef struct {
	Start, End int
	ID         thumb.ID
	Position   int
}

// oracle finds the references of valid JSON by encoding/json's tokens, slowly.
func oracle(body []byte) (refs []oracleRef, depth int) {
	type level struct {
		object, field, name bool // name: the next string is one
		last                string
	}
	var stack []level
	top := func() *level { return &stack[len(stack)-1] }
	done := func() { // a value is over
		if len(stack) > 0 && top().object {
			top().name = true
		}
	}
	tokens := json.NewDecoder(bytes.NewReader(body))
	tokens.UseNumber()
	for {
		begin := tokens.InputOffset()
		token, err := tokens.Token()
		if err != nil {
			return refs, depth
		}
		end := int(tokens.InputOffset())
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{', '[':
				field := len(stack) > 0 && top().object && top().last == "thumbnails"
				stack = append(stack, level{object: token == '{', field: field && token == '{', name: true})
				depth = max(depth, len(stack))
			default:
				stack = stack[:len(stack)-1]
				done()
			}
		case string:
			if len(stack) > 0 && top().object && top().name {
				top().name, top().last = false, token
				continue
			}
			if len(stack) > 0 && top().field {
				start := int(begin) + bytes.IndexByte(body[begin:], '"') + 1
				if id, position, ok := oracleMatch(token); ok {
					refs = append(refs, oracleRef{start, end - 1, id, position})
				}
			}
			done()
		default:
			done()
		}
	}
}

var routePattern = regexp.MustCompile(`^((?:(?i:(https?):)?//([^/]*))?)/api/v2/captures/thumbnails/([0-9]+)/?(?:\?([^#]*))?$`)

func oracleMatch(value string) (id thumb.ID, position int, ok bool) {
	m := routePattern.FindStringSubmatch(value)
	if m == nil {
		return 0, 0, false
	}
	if m[1] != "" {
		host, defaults := strings.ToLower(m[3]), map[string][]string{"http": {"80"}, "https": {"443"}, "": {"443", "80"}}
		for _, port := range defaults[strings.ToLower(m[2])] {
			host = strings.TrimSuffix(host, ":"+port)
		}
		if strings.TrimSuffix(host, ":") != "app.example.org" {
			return 0, 0, false
		}
	}
	labels := []string{}
	for pair := range strings.SplitSeq(m[5], "&") {
		name, label, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && name == "label" {
			label, err := url.QueryUnescape(label)
			if err != nil {
				label = "?"
			}
			labels = append(labels, label)
		}
	}
	if len(labels) > 1 {
		return 0, 0, false
	}
	position = testSpecs.Index(strings.Join(labels, ""))
	id, ok = thumb.ParseID(m[4])
	return id, position, ok && position >= 0
}

// Whatever comes, no panic, and every other byte stays. Of valid JSON comes valid
// JSON, in which exactly what the oracle finds was replaced. Of a body that is
// taken for JSON no shorter one is.
func FuzzScan(f *testing.F) {
	s, err := NewScanner(Config{Field: "thumbnails", Route: "/api/v2/captures/thumbnails/", Specs: testSpecs})
	if err != nil {
		f.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "-- body --\n")
		body, _, _ := strings.Cut(rest, "\n-- rewritten --\n")
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var found Found
		ok := s.Scan(&found, body, Hosts{[]byte("app.example.org")})
		out := rewrite(&found, body)
		if undone := undo(&found, body, out); !bytes.Equal(undone, body) {
			t.Fatalf("undone, it is %q and not %q", undone, body)
		}
		if ok {
			end := len(bytes.TrimRight(body, " \t\r\n"))
			for n := max(0, end-100); n < end; n++ {
				if s.Scan(new(Found), body[:n], Hosts{[]byte("app.example.org")}) {
					t.Fatalf("cut off after %d bytes it is taken for JSON too: %q", n, body)
				}
			}
		}
		if !json.Valid(body) {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q became %q", body, out)
		}
		want, depth := oracle(body)
		if depth == 0 || depth > MaxDepth {
			want = nil
		} else if !ok {
			t.Fatalf("valid JSON is refused: %q", body)
		}
		var got []oracleRef
		for _, ref := range found.Refs {
			got = append(got, oracleRef{ref.Start, ref.End, found.IDs[ref.Capture], ref.Position})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: %s", body, diff)
		}
	})
}

// undo puts the references' own contents back in their place.
func undo(f *Found, body, out []byte) []byte {
	var undone []byte
	at := 0 // in body
	for i := range f.Refs {
		ref := &f.Refs[i]
		undone = append(undone, out[:ref.Start-at]...)
		out = out[ref.Start-at:]
		out = out[bytes.IndexByte(out, '"'):]
		undone = append(undone, body[ref.Start:ref.End]...)
		at = ref.End
	}
	return append(undone, out...)
}
