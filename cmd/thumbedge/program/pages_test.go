package program_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestQueriesOfAPage: one query the first time, none while it is warm.
func TestQueriesOfAPage(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 40, 500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.exec(`WITH c AS (
				INSERT INTO main_sourceimage (path, public_base_url, last_modified, project_id)
				SELECT 'night/' || n || '.jpg', $1, now() - interval '1 hour', 1 FROM generate_series(1, $2::int) n RETURNING id)
				INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
				SELECT now(), now(), 'thumbnails/capture_' || id || '/' || l || '.jpg', l, w, 10, 10, id
				FROM c, (VALUES ('small', 240), ('medium', 1024)) AS labels (l, w)`, s.originals.URL+"/", n)
			s.caughtUp()
			query := fmt.Sprintf("limit=%d", n)
			var first, second []byte
			if queries := s.queries.during(func() { first = s.page(s.url, query) }); queries != 1 {
				t.Errorf("%d queries for a page of %d captures that nothing is known of, want 1", queries, n)
			}
			if queries := s.queries.during(func() { second = s.page(s.url, query) }); queries != 0 {
				t.Errorf("%d queries for the same page again, want 0", queries)
			}
			if !bytes.Equal(first, second) {
				t.Error("the same page twice is not the same bytes twice")
			}
			if shown := bytes.Count(first, []byte("/media/thumbnails/capture_")); shown != 2*n {
				t.Errorf("%d storage URLs in the page, want %d", shown, 2*n)
			}
		})
	}
}

// TestHostileText: a client's own text never becomes a way to a draft.
func TestHostileText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.project = 2
	draft := s.capture()
	s.row(draft, "small", 240)
	s.project = 1
	public := s.capture()
	s.row(public, "small", 240)
	route := fmt.Sprintf("%s/api/v2/captures/thumbnails/%d/?label=small", s.url, draft)
	for name, notes := range map[string]string{
		"nested JSON":       fmt.Sprintf(`{"thumbnails":{"small":"%s"}}`, route),
		"a string":          fmt.Sprintf(`"{\"thumbnails\":{\"small\":\"%s\"}}"`, route),
		"escaped slashes":   fmt.Sprintf(`{"thumbnails":{"small":"%s"}}`, strings.ReplaceAll(route, "/", `\/`)),
		"a relative URL":    fmt.Sprintf(`{"thumbnails":{"small":"/api/v2/captures/thumbnails/%d/"}}`, draft),
		"deep in a list":    fmt.Sprintf(`[[[{"thumbnails":{"small":"%s","medium":"%s"}}]]]`, route, route),
		"an escaped member": fmt.Sprintf(`{"thumbn\u0061ils":{"small":"%s"}}`, route),
	} {
		s.exec(`INSERT INTO sample_notes (source_image_id, notes) VALUES ($1, $2) ON CONFLICT (source_image_id) DO UPDATE SET notes = $2`, public, notes)
		page := s.page(s.url, "")
		if bytes.Contains(page, fmt.Appendf(nil, "/media/thumbnails/capture_%d/", draft)) {
			t.Errorf("%s: the draft's storage URL comes out: %s", name, page)
		}
		if !bytes.Contains(page, []byte(notes)) {
			t.Errorf("%s: the client's text was changed: %s", name, page)
		}
		if !bytes.Contains(page, fmt.Appendf(nil, "/media/thumbnails/capture_%d/small.jpg", public)) {
			t.Errorf("%s: the public capture beside it is not warm: %s", name, page)
		}
	}
}

// TestAppsValidatorsAndHead: what clients send conditionally is answered here.
func TestConditionalPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.capture()
	s.row(id, "small", 240)
	response, body := s.get(s.url + "/api/v2/captures/")
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("/media/thumbnails/")) {
		t.Fatalf("the page is %s: %s", response.Status, body)
	}
	// The sample app, as the real one, sends no validator: a rewritten body has none.
	if tag := response.Header.Get("ETag"); tag != "" {
		t.Errorf("ETag %s, though the app sent no validator", tag)
	}
}
