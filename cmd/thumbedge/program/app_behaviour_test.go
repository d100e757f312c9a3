package program_test

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What the app's own tests pin about thumbnails holds behind thumbedge too.

func TestAppsOwnAnswersStay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.capture()
	for name, c := range map[string]struct {
		method, path string
		status       int
		body         string
	}{
		"the list of thumbnails": {"GET", "/api/v2/captures/thumbnails/", 405, `{"detail":"Listing thumbnails is not supported"}`},
		"an unknown label": {"GET", fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=typo", id), 400,
			`["Invalid thumbnail size label provided: typo not in small, medium, large"]`},
		"a preflight": {"OPTIONS", fmt.Sprintf("/api/v2/captures/thumbnails/%d/", id), 200, ""},
	} {
		through, got := s.do(c.method, s.url+c.path, nil)
		direct, want := s.do(c.method, s.appURL+c.path, nil)
		if through.StatusCode != c.status || direct.StatusCode != c.status || !bytes.Equal(got, want) || !strings.Contains(string(got), c.body) {
			t.Errorf("%s: %d %s, the app says %d %s", name, through.StatusCode, got, direct.StatusCode, want)
		}
	}
}

func TestUnknownCaptureIs404(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, id := range []string{"4711", "0", "9223372036854775807", "9223372036854775808", "99999999999999999999999"} {
		response, body := s.get(s.url + "/api/v2/captures/thumbnails/" + id + "/?label=small")
		if response.StatusCode != http.StatusNotFound || !bytes.Contains(body, []byte(`"detail"`)) {
			t.Errorf("capture %s: %s %s, want 404 with a detail", id, response.Status, body)
		}
	}
}

// thumbnail is what the database has of one.
type thumbnail struct {
	id       int64
	path     string
	width    int
	height   int
	size     int64
	modified *time.Time
}

func (s *site) thumbnail(capture int64, label string) (t thumbnail) {
	s.Helper()
	err := s.pool.QueryRow(s.Context(), `SELECT id, path, width, height, size, last_modified FROM main_sourceimagethumbnail
		WHERE source_image_id = $1 AND label = $2`, capture, label).Scan(&t.id, &t.path, &t.width, &t.height, &t.size, &t.modified)
	if err != nil {
		s.Fatalf("reading the row of capture %d, %s: %v", capture, label, err)
	}
	return t
}

// redirected asks the route and returns where it sends the browser.
func (s *site) redirected(capture int64, query string) string {
	s.Helper()
	response, body := s.get(s.route(capture, query))
	if response.StatusCode != http.StatusFound {
		s.Fatalf("the route says %s: %s", response.Status, body)
	}
	if got := response.Header.Get("Cache-Control"); got != "private, max-age=300" {
		s.Errorf("Cache-Control is %q", got)
	}
	return response.Header.Get("Location")
}

func TestColdThumbnail(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]siteOption{"file system": nil, "S3": {onS3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, options...)
			id := s.capture()
			location := s.redirected(id, "") // no label: the first
			file := s.fetch(location)
			picture, err := jpeg.DecodeConfig(bytes.NewReader(file))
			if err != nil || picture.Width != 240 || picture.Height != 180 {
				t.Errorf("the picture is %dx%d, %v", picture.Width, picture.Height, err)
			}
			row := s.thumbnail(id, "small")
			if row.width != 240 || row.height != 180 || row.size != int64(len(file)) || !strings.HasSuffix(location, row.path) {
				t.Errorf("the row %+v is not of %s with %d bytes", row, location, len(file))
			}
			if modified := one[time.Time](s, `SELECT last_modified FROM main_sourceimage WHERE id = $1`, id); !modified.Equal(*row.modified) {
				t.Errorf("the row is of version %v, the original's is %v", row.modified, modified)
			}
			if n := s.app.Counters().Thumbnail; n != 0 {
				t.Errorf("%d thumbnail requests reached the app", n)
			}
			if again := s.redirected(id, "?label=small"); again != location || s.originals.fetches() != 1 {
				t.Errorf("asked again: %s after %s, %d fetches", again, location, s.originals.fetches())
			}
			s.eventually("the page has the storage URL", func() bool {
				return s.thumbnailsOf(s.page(s.url, "limit=1"))[id]["small"] != ""
			})
			shown := s.thumbnailsOf(s.page(s.url, "limit=1"))[id]
			if !strings.HasSuffix(shown["small"], row.path) || strings.Contains(shown["small"], "/captures/thumbnails/") {
				t.Errorf("the page shows %s, want the storage URL of %s", shown["small"], row.path)
			}
			if !strings.Contains(shown["medium"], "/captures/thumbnails/") {
				t.Errorf("a cold label became %s", shown["medium"])
			}
		})
	}
}

// TestRegeneration: what makes a row invalid, and that one request heals it.
func TestRegeneration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		spoil      string // an UPDATE of the row (t) or the capture (c)
		regenerate bool
	}{
		"blank path":                     {`UPDATE main_sourceimagethumbnail SET path = '' WHERE source_image_id = $1`, true},
		"another width":                  {`UPDATE main_sourceimagethumbnail SET width = 320 WHERE source_image_id = $1`, true},
		"one pixel wider":                {`UPDATE main_sourceimagethumbnail SET width = 241 WHERE source_image_id = $1`, true},
		"one pixel narrower":             {`UPDATE main_sourceimagethumbnail SET width = 239 WHERE source_image_id = $1`, true},
		"another width, and dated later": {`UPDATE main_sourceimagethumbnail SET width = 320, last_modified = last_modified + interval '1 day' WHERE source_image_id = $1`, true},
		"blank path, and dated later":    {`UPDATE main_sourceimagethumbnail SET path = '', last_modified = last_modified + interval '1 day' WHERE source_image_id = $1`, true},
		"the original is newer":          {`UPDATE main_sourceimage SET last_modified = last_modified + interval '1 minute' WHERE id = $1`, true},
		"the original's time is null":    {`UPDATE main_sourceimage SET last_modified = NULL WHERE id = $1`, false},
		"the row's time is null":         {`UPDATE main_sourceimagethumbnail SET last_modified = NULL WHERE source_image_id = $1`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{T: t, pool: s.pool, url: s.url, originals: s.originals, project: s.project}
			id := s.capture()
			s.row(id, "small", 240)
			before := s.thumbnail(id, "small")
			s.exec(c.spoil, id)
			var location string
			s.eventually("the change is known", func() bool {
				location = s.redirected(id, "?label=small")
				return !c.regenerate || !strings.HasSuffix(location, before.path)
			})
			after := s.thumbnail(id, "small")
			if !c.regenerate {
				if !strings.HasSuffix(location, before.path) || after.path != before.path {
					t.Errorf("it was rendered again: %+v, then %+v", before, after)
				}
				return
			}
			if after.id != before.id {
				t.Errorf("the row's primary key was %d and is %d", before.id, after.id)
			}
			if after.width != 240 || after.path == before.path || !strings.HasSuffix(location, after.path) {
				t.Errorf("the row is %+v, the browser is sent to %s", after, location)
			}
			if modified := one[time.Time](s, `SELECT last_modified FROM main_sourceimage WHERE id = $1`, id); !modified.Equal(*after.modified) {
				t.Errorf("the row is of %v, the original of %v", after.modified, modified)
			}
			if again := s.redirected(id, "?label=small"); again != location {
				t.Errorf("it is rendered more than once: %s, then %s", location, again)
			}
		})
	}
}

func TestNeverUpscaledAndTheRowHasTheSpecsWidth(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.originals.set(photo(t, 100, 80))
	id := s.capture()
	picture, err := jpeg.DecodeConfig(bytes.NewReader(s.fetch(s.redirected(id, "?label=medium"))))
	if err != nil || picture.Width != 100 || picture.Height != 80 {
		t.Errorf("the picture is %dx%d, %v; want 100x80", picture.Width, picture.Height, err)
	}
	if row := s.thumbnail(id, "medium"); row.width != 1024 || row.height != 80 {
		t.Errorf("the row is %dx%d, want the spec's width 1024, and the picture's height", row.width, row.height)
	}
	// Valid by the spec's width: nothing is rendered again.
	s.redirected(id, "?label=medium")
	if n := s.originals.fetches(); n != 1 {
		t.Errorf("the original was fetched %d times", n)
	}
}

func TestWarmEverywhereTheAppShowsThumbnails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	deployment := one[int64](s, `INSERT INTO main_deployment (name, project_id) VALUES ('trap', 1) RETURNING id`)
	event := one[int64](s, `INSERT INTO main_event (group_by, start, project_id, deployment_id) VALUES ('night', '2026-06-12 22:00', 1, $1) RETURNING id`, deployment)
	id := s.capture()
	s.exec(`UPDATE main_sourceimage SET event_id = $1, deployment_id = $2 WHERE id = $3`, event, deployment, id)
	s.row(id, "medium", 1024)
	for _, path := range []string{
		"/api/v2/captures/", fmt.Sprintf("/api/v2/captures/%d/", id), "/api/v2/events/", fmt.Sprintf("/api/v2/events/%d/", event),
	} {
		_, body := s.get(s.url + path)
		want := fmt.Sprintf("/media/thumbnails/capture_%d/medium.jpg", id)
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("%s does not show %s: %s", path, want, body)
		}
		if !bytes.Contains(body, fmt.Appendf(nil, "/captures/thumbnails/%d/?label=small", id)) {
			t.Errorf("%s lost the cold label: %s", path, body)
		}
	}
}

func TestDraftsStayTheApps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.project = 2
	id := s.capture()
	s.row(id, "small", 240)
	through, got := s.get(s.route(id, "?label=small"))
	direct, want := s.get(fmt.Sprintf("%s/api/v2/captures/thumbnails/%d/?label=small", s.appURL, id))
	if through.StatusCode != http.StatusUnauthorized || direct.StatusCode != through.StatusCode || !bytes.Equal(got, want) {
		t.Errorf("a draft's thumbnail is %s %s, the app says %s %s", through.Status, got, direct.Status, want)
	}
	page, direct2 := s.page(s.url, ""), s.page(s.appURL, "")
	if bytes.Contains(page, []byte("/media/thumbnails/")) || len(page) != len(direct2) {
		t.Errorf("a draft's page was touched: %s", page)
	}
}
