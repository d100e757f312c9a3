package program_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestCaptureMovedThroughProjects: a capture goes from one draft project to another, to a
// public one, to none, and back to the first. At each station a signature counts only
// where it is of that draft project; where the capture is public it is not needed, and
// where it has no project it gives nothing. No private file is ever named in public.
func TestCaptureMovedThroughProjects(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	s.exec(`INSERT INTO main_project (id, name, draft) VALUES (3, 'another draft', true)`)
	s.exec(`INSERT INTO sample_member (token, project_id) VALUES ('owner', 3)`)
	id := s.capture()
	signedIn := func(project string) string {
		_, body := s.as(owner, "/api/v2/captures/?project_id="+project)
		target, ok := strings.CutPrefix(s.thumbnailsOf([]byte(body))[id]["small"], publicURL)
		if !ok || !strings.Contains(target, "&signature=") {
			t.Fatalf("project %s: nothing is signed: %s", project, body)
		}
		return target
	}
	file := func(of string) string {
		return one[string](s, `SELECT coalesce(max(path), '') FROM `+of+` WHERE source_image_id = $1 AND label = 'small'`, id)
	}
	const publicRows, privateRows = "main_sourceimagethumbnail", "thumbedge.private_thumbnail"
	type signature struct{ project, target string }
	var all []signature
	for _, station := range []struct {
		project string // "": none
		draft   bool
	}{{"2", true}, {"3", true}, {"1", false}, {"", false}, {"2", true}} {
		s.exec(`UPDATE main_sourceimage SET project_id = nullif($2, '')::bigint WHERE id = $1`, id, station.project)
		s.caughtUp()
		if station.draft {
			all = append(all, signature{station.project, signedIn(station.project)})
		}
		for _, sig := range all {
			response, body := s.get(s.url + sig.target)
			location := response.Header.Get("Location")
			switch {
			case station.draft && sig.project == station.project:
				if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Cache-Control"), "private") {
					t.Errorf("in draft %s, a signature of it: %s %v", station.project, response.Status, response.Header)
				}
			case station.project == "1":
				if public := file(publicRows); response.StatusCode != http.StatusFound || public == "" || !strings.HasSuffix(location, public) {
					t.Errorf("in public, a signature of %s: %s to %q, the row's file is %q", sig.project, response.Status, location, public)
				}
			case response.StatusCode < 400 || location != "" || strings.HasPrefix(response.Header.Get("Content-Type"), "image/"):
				t.Errorf("in %q, a signature of %s: %s %v %.100s", station.project, sig.project, response.Status, response.Header, body)
			}
		}
		switch public, private := file(publicRows), file(privateRows); {
		case station.project == "2" && len(all) == 1, station.project == "3":
			if public != "" || private == "" {
				t.Errorf("in draft %s: public row %q, private row %q", station.project, public, private)
			}
		case station.project == "1":
			if public == private {
				t.Errorf("the private file is named in public: %q", public)
			}
			s.fetch("/media/" + public)
			if response, _ := s.get(s.url + "/media/" + private); private != "" && response.StatusCode == http.StatusOK {
				t.Errorf("the private file is given out in public: %s", private)
			}
		}
	}
	if first, last := all[0].target, all[len(all)-1].target; first == last {
		// The same quantum: what was signed there before is what is signed there now.
		if response, _ := s.get(s.url + first); response.StatusCode != http.StatusOK {
			t.Errorf("back in the first draft: %s", response.Status)
		}
	}
	if got := s.app.Counters(); got.Renders != 0 {
		t.Errorf("the app rendered %d", got.Renders)
	}
	s.keepsSecrets()
}
