package sampleapp_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRecordedPages asks the sample app what the real one was asked when the
// files in testdata were recorded. Status, headers and the shape of the JSON (its
// members, in their order, and their types) are the same; short bodies are the
// same bytes.
func TestRecordedPages(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	// A second night's captures of one project make the first page not the last.
	targets := map[string]string{
		"captures_list":                "/api/v2/captures/?project_id=1&limit=5",
		"captures_list_draft_as_owner": "/api/v2/captures/?project_id=3",
		"capture_detail":               "/api/v2/captures/1/",
		"capture_options":              "OPTIONS /api/v2/captures/",
		"captures_noslash":             "/api/v2/captures",
		"events_list":                  "/api/v2/events/?project_id=2",
		"event_detail":                 "/api/v2/events/1/",
		"thumb_list":                   "/api/v2/captures/thumbnails/",
		"thumb_bad_label":              "/api/v2/captures/thumbnails/1/?label=typo",
		"thumb_unknown":                "/api/v2/captures/thumbnails/99999/?label=small",
		"thumb_draft_anonymous":        "/api/v2/captures/thumbnails/" + draft + "/?label=small",
		"thumb_redirect":               "/api/v2/captures/thumbnails/1/?label=medium",
	}
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) != len(targets) {
		t.Fatalf("%d files, %v; want %d", len(files), err, len(targets))
	}
	for name, target := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method := http.MethodGet
			if rest, ok := strings.CutPrefix(target, "OPTIONS "); ok {
				method, target = http.MethodOptions, rest
			}
			header := []string{"Host: app.example.org"}
			if strings.HasSuffix(name, "as_owner") {
				header = append(header, asOwner)
			}
			got := s.do(t, method, target, "", header...)
			want := recorded(t, name)
			if got.StatusCode != want.StatusCode {
				t.Fatalf("status %d, want %d: %s", got.StatusCode, want.StatusCode, got.body)
			}
			if diff := cmp.Diff(values(want.Header), values(got.Header)); diff != "" {
				t.Errorf("headers (-recorded +sample):\n%s", diff)
			}
			if len(want.body) < 200 && got.body != want.body {
				t.Errorf("body %s, want %s", got.body, want.body)
			}
			if diff := cmp.Diff(shape(t, want.body), shape(t, got.body)); diff != "" {
				t.Errorf("shape (-recorded +sample):\n%s", diff)
			}
		})
	}
}

func recorded(t *testing.T, name string) answer {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name+".http"))
	if err != nil {
		t.Fatal(err)
	}
	// The hosts' names were replaced after the recording, so Content-Length is not
	// the body's.
	head, body, _ := bytes.Cut(file, []byte("\r\n\r\n"))
	response, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\r\n\r\n"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(body)}
}

// values returns a response's headers, those that change from day to day, and
// with the captures, without their values.
func values(header http.Header) map[string]string {
	lines := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		lines[name] = strings.Join(header[name], "; ")
	}
	for _, name := range []string{"Date", "Content-Length"} {
		if lines[name] != "" {
			lines[name] = "some"
		}
	}
	// The sample app has a capture's notes to write, which the real one was not
	// recorded with.
	lines["Allow"] = strings.ReplaceAll(lines["Allow"], "PATCH, ", "")
	return lines
}

// shape writes JSON with the names of its members, in their order, and the types
// of its values in place of them; of a list, its first member.
func shape(t *testing.T, body string) string {
	t.Helper()
	if !json.Valid([]byte(body)) {
		return "not JSON"
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	next := func() json.Token {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	var value func() string
	value = func() string {
		token := next()
		var inner []string
		switch token {
		case json.Delim('{'):
			for decoder.More() {
				inner = append(inner, fmt.Sprintf("%s: %s", next(), value()))
			}
			next()
			return "{\n" + strings.Join(inner, "\n") + "\n}"
		case json.Delim('['):
			for decoder.More() {
				inner = append(inner, value())
			}
			next()
			return "[" + strings.Join(inner[:min(1, len(inner))], "") + "]"
		}
		return fmt.Sprintf("%T", token)
	}
	return value()
}

func TestURLsFollowTheRequest(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	got := s.get(t, "/api/v2/captures/?limit=2&offset=4&project_id=1&ordering=-timestamp", "Host: photos.example.org", "X-Forwarded-Proto: https")
	for _, want := range []string{
		`"next":"https://photos.example.org/api/v2/captures/?limit=2&offset=6&ordering=-timestamp&project_id=1"`,
		`"previous":"https://photos.example.org/api/v2/captures/?limit=2&offset=2&ordering=-timestamp&project_id=1"`,
		`:"https://photos.example.org/api/v2/captures/thumbnails/`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
	if strings.Contains(got.body, "http://") {
		t.Errorf("a URL of another scheme in %s", got.body)
	}
	first := s.get(t, "/api/v2/captures/?limit=2&offset=2", "Host: photos.example.org")
	if want := `"previous":"http://photos.example.org/api/v2/captures/?limit=2"`; !strings.Contains(first.body, want) {
		t.Errorf("no %s in %s", want, first.body)
	}
}

func TestMissingSlashRedirects(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for target, want := range map[string]string{
		"/api/v2/captures?limit=5":                 "/api/v2/captures/?limit=5",
		"/api/v2/captures/1":                       "/api/v2/captures/1/",
		"/api/v2/captures/thumbnails":              "/api/v2/captures/thumbnails/",
		"/api/v2/captures/thumbnails/1?label=typo": "/api/v2/captures/thumbnails/1/?label=typo",
		"/api/v2/events/1":                         "/api/v2/events/1/",
	} {
		got := s.get(t, target)
		if got.StatusCode != http.StatusMovedPermanently || got.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want 301 to %q", target, got.StatusCode, got.Header.Get("Location"), want)
		}
	}
	for _, target := range []string{"/api/v2/other", "/nothing/", "/api/v2/captures/1/more/", "/media/none.jpg", "/media/../app_test.go", "/media/originals"} {
		if got := s.get(t, target); got.StatusCode != http.StatusNotFound || !strings.Contains(got.body, "<h1>Not Found</h1>") {
			t.Errorf("%s: %d %s, want Django's 404", target, got.StatusCode, got.body)
		}
	}
}
