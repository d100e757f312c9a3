package program_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// nullsForAnyone puts an app behind the site that shows a capture of the draft project, its
// thumbnails null, to whoever shows nothing, for a minute and publicly; and that shows
// nothing to whoever shows who they are.
func nullsForAnyone(capture *int64) siteOption {
	return func(s *site) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "public, max-age=60")
			if r.Header.Get("Authorization") != "" {
				fmt.Fprint(w, `{"results":[]}`)
				return
			}
			fmt.Fprintf(w, `{"results":[{"id":%d,"thumbnails":null}]}`, *capture)
		}))
		s.Cleanup(server.Close)
		s.file.Upstream.URL = server.URL
	}
}

// fillsFromMemory asks for a page as nobody, which may be kept, and then as a stranger, and
// says whether the stranger's has a signed URL: the app never told the stranger of the
// capture. Each attempt is at another URL: what a stranger was told may be kept, too.
func (s *site) fillsFromMemory(base string, attempt int) bool {
	s.Helper()
	url := fmt.Sprintf("%s/api/v2/captures/?attempt=%d", base, attempt)
	for range 2 {
		if _, body := s.get(url); !bytes.Contains(body, []byte(`"thumbnails":null`)) {
			s.Errorf("who shows nothing gets %s", body)
		}
	}
	_, body := s.get(url, "Authorization", stranger)
	return bytes.Contains(body, []byte("signature="))
}

// TestNullsAreNotFilledFromMemory: permission to see a capture is in the app's answer to
// the very request, never in one that was kept. A build that keeps pages with nulls, and
// fills them for whoever comes, is caught by the same request.
func TestNullsAreNotFilledFromMemory(t *testing.T) {
	t.Parallel()
	var capture int64
	s := newPrivateSite(t, nullsForAnyone(&capture))
	capture = s.capture()
	if s.fillsFromMemory(s.url, 0) {
		t.Error("a stranger is given a permission out of a page that was kept")
	}
	mutant := buildMutant(t,
		mutation{"proxy/page_fill.go", "len(h.Peek(fasthttp.HeaderAge)) > 0", "false"},
		mutation{"proxy/pages.go", "if j.nulls { // what", "if false { // what"},
		mutation{"proxy/page_findings.go", "e == nil || j.nulls", "true"}) // nobody's findings have no nulls
	url := s.run(mutant, s.file.Upstream.URL)
	attempt := 0
	s.eventually("the mutant fills nulls from memory", func() bool {
		attempt++
		return s.fillsFromMemory(url, attempt)
	})
}
