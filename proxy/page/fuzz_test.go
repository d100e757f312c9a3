package page

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// oracle finds the references of valid JSON by encoding/json's tokens, slowly. scalar says
// that the body is neither object nor array, deep how many brackets are open at once in a
// field object, that of the outermost included.
func oracle(body []byte) (refs []oracleRef, scalar bool, deep int) {
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
			return refs, scalar, deep
		}
		end := int(tokens.InputOffset())
		if _, bracket := token.(json.Delim); !bracket && len(stack) == 0 {
			scalar = true
		}
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{', '[':
				field := len(stack) > 0 && top().object && top().last == "thumbnails"
				stack = append(stack, level{object: token == '{', field: field && token == '{', name: true})
				if outer := slices.IndexFunc(stack, func(l level) bool { return l.field }); outer >= 0 {
					deep = max(deep, len(stack)-outer)
				}
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

// inPlaceOf says whether a reference stands where one may, in a body that need not be
// JSON: a whole string, the value of a member of an object that is itself the value of a
// member with the field's name, by the tokens before it.
func inPlaceOf(tokens []token, ref *Ref) bool {
	at := slices.IndexFunc(tokens, func(t token) bool { return t.start == ref.Start-1 && t.end == ref.End+1 })
	if at < 0 || tokens[at].kind != '"' || tokens[at-1].kind != ':' || at+1 == len(tokens) || !strings.ContainsRune(",}", rune(tokens[at+1].kind)) {
		return false
	}
	for depth := 1; depth > 0; {
		if at--; at < 2 {
			return false
		}
		switch tokens[at].kind {
		case '}', ']':
			depth++
		case '{', '[':
			depth--
		}
	}
	return tokens[at].kind == '{' && tokens[at-1].kind == ':' && tokens[at-2].text == "thumbnails"
}

// token is one of a body that need not be JSON.
type token struct {
	kind       byte // its first one
	start, end int
	text       string // of a string
}

// tokensOf cuts a body into tokens. It returns false where a comment may stand, or anything
// else that JSON does not have.
func tokensOf(body []byte) (tokens []token, ok bool) {
	text := regexp.MustCompile(`^"(?:[^"\\]|\\(?s:.))*"`)
	other := regexp.MustCompile(`^(?:[{}\[\],:]|[0-9+\-.eEtrufalsn]+)`)
	for at := 0; at < len(body); {
		if bytes.IndexByte([]byte(" \t\r\n"), body[at]) >= 0 {
			at++
			continue
		}
		found := text.Find(body[at:])
		if found == nil {
			if found = other.Find(body[at:]); found == nil {
				return nil, false
			}
		}
		t := token{kind: body[at], start: at, end: at + len(found)}
		_ = json.Unmarshal(found, &t.text)
		tokens, at = append(tokens, t), t.end
	}
	return tokens, true
}

// Whatever comes, no panic, and every other byte stays. Of valid JSON comes valid
// JSON, in which exactly what the oracle finds was replaced, and of what was cut off it no
// more than that. Of anything else no more than what stands where a reference may.
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
	f.Fuzz(func(t *testing.T, body []byte) { checkScan(t, s, body) })
}

// checkScan holds a scan to all that.
func checkScan(t *testing.T, s *Scanner, body []byte) {
	t.Helper()
	var found Found
	ok := s.Scan(&found, body, Hosts{[]byte("app.example.org")})
	out := rewrite(&found, body)
	var recalled Found
	if recalled.Recall(found.Keep()); !bytes.Equal(rewrite(&recalled, body), out) || recalled.OtherHost != found.OtherHost || recalled.OtherLabel != found.OtherLabel {
		t.Fatalf("found again, it is %v and not %v: %q", recalled, found, body)
	}
	if undone := undo(&found, body, out); !bytes.Equal(undone, body) {
		t.Fatalf("undone, it is %q and not %q", undone, body)
	}
	if tokens, text := tokensOf(body); len(found.Refs) > 0 && !text {
		t.Fatalf("rewritten, though no bytes of JSON: %q", body)
	} else if i := slices.IndexFunc(found.Refs, func(ref Ref) bool { return !inPlaceOf(tokens, &ref) }); i >= 0 {
		t.Fatalf("%q is rewritten in %q", body[found.Refs[i].Start:found.Refs[i].End], body)
	}
	if !json.Valid(body) {
		return
	}
	if !json.Valid(out) {
		t.Fatalf("%q became %q", body, out)
	}
	want, scalar, deep := oracle(body)
	if scalar || deep > MaxDepth {
		want = nil
	} else if !ok {
		t.Fatalf("valid JSON is refused: %q", body)
	}
	end := len(bytes.TrimRight(body, " \t\r\n"))
	for n := max(0, end-100); n < end; n++ {
		var cut Found
		if s.Scan(&cut, body[:n], Hosts{[]byte("app.example.org")}) && !isCutOf(cut.Refs, found.Refs, n) {
			t.Fatalf("cut off after %d bytes it has %v: %q", n, cut.Refs, body)
		}
	}
	var got []oracleRef
	for _, ref := range found.Refs {
		got = append(got, oracleRef{ref.Start, ref.End, found.IDs[ref.Capture], ref.Position})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q: %s", body, diff)
	}
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
