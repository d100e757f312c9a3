package sampleapp_test

import (
	"context"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

const route = "/api/v2/captures/thumbnails/"

// thumbnail asks for one that must be redirected to, and returns where.
func (s *site) thumbnail(t *testing.T, target string, header ...string) string {
	t.Helper()
	got := s.get(t, target, header...)
	if got.StatusCode != http.StatusFound || got.Header.Get("Cache-Control") != "private, max-age=300" {
		t.Fatalf("%s: %d, Cache-Control %q, %s", target, got.StatusCode, got.Header.Get("Cache-Control"), got.body)
	}
	return got.Header.Get("Location")
}

func TestThumbnailIsRenderedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	location := s.thumbnail(t, route+"2/")
	if location != "/media/thumbnails/capture_2/small.jpg" {
		t.Errorf("redirected to %s, want the first label's file", location)
	}
	if again := s.thumbnail(t, route+"2/?label=small"); again != location {
		t.Errorf("then redirected to %s", again)
	}
	if n := s.Counters().Renders; n != 1 {
		t.Errorf("rendered %d times, want once", n)
	}
	file := s.get(t, location)
	picture, err := jpeg.DecodeConfig(strings.NewReader(file.body))
	if err != nil || picture.Width != 240 || file.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the file is %+v, %v, %s", picture, err, file.Header.Get("Content-Type"))
	}
	if large := s.thumbnail(t, route+"2/?label=large"); !strings.HasSuffix(large, "/large.jpg") {
		t.Errorf("redirected to %s", large)
	}
	if head := s.do(t, http.MethodHead, route+"2/?label=small", ""); head.StatusCode != http.StatusFound || head.Header.Get("Location") != location {
		t.Errorf("HEAD: %d to %s", head.StatusCode, head.Header.Get("Location"))
	}
}

// A row that is not valid is rendered again, under a name that is not taken, and
// keeps its primary key; the replaced file goes.
func TestInvalidRowIsRenderedAgain(t *testing.T) {
	t.Parallel()
	for name, break_ := range map[string]string{
		"blank path":     `UPDATE main_sourceimagethumbnail SET path = ''`,
		"one pixel off":  `UPDATE main_sourceimagethumbnail SET width = 241`,
		"newer original": `UPDATE main_sourceimage SET last_modified = now() + interval '1 hour'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			s.thumbnail(t, route+"3/")
			s.exec(t, break_)
			again := s.thumbnail(t, route+"3/")
			if !regexp.MustCompile(`^/media/thumbnails/capture_3/small_[A-Z2-7]{7}\.jpg$`).MatchString(again) {
				t.Errorf("redirected to %s, want a name with a suffix", again)
			}
			if n := s.Counters().Renders; n != 2 {
				t.Errorf("rendered %d times, want 2", n)
			}
			conn, err := pgx.Connect(t.Context(), s.database)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(t.Context()))
			var rows, first, width int
			var path string
			err = conn.QueryRow(t.Context(), `SELECT count(*), min(id), min(width), min(path) FROM main_sourceimagethumbnail`).Scan(&rows, &first, &width, &path)
			if err != nil || rows != 1 || first != 1 || width != 240 || "/media/"+path != again {
				t.Errorf("%d rows, id %d, width %d, path %s, %v", rows, first, width, path, err)
			}
			_, err = os.Stat(filepath.Join(s.media, "thumbnails/capture_3/small.jpg"))
			if kept := err == nil; kept != (name == "blank path") {
				t.Errorf("the first file is there: %t", kept)
			}
		})
	}
}

func TestDraftsAreTheirMembersOnly(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, c := range map[string]struct {
		target string
		header string
		status int
		body   string
	}{
		"thumbnail, anonymous":     {route + draft + "/", "", 401, `{"detail":"Authentication credentials were not provided."}`},
		"thumbnail, false token":   {route + draft + "/", "Authorization: Token nobody", 401, `{"detail":"Invalid token."}`},
		"thumbnail, stranger":      {route + draft + "/", asStranger, 403, `{"detail":"You do not have permission to perform this action."}`},
		"thumbnail, owner":         {route + draft + "/", asOwner, 302, ""},
		"detail, anonymous":        {"/api/v2/captures/" + draft + "/", "", 404, `{"detail":"Not found."}`},
		"detail, stranger":         {"/api/v2/captures/" + draft + "/", asStranger, 404, `{"detail":"Not found."}`},
		"not a number":             {route + "first/", "", 404, `{"detail":"Not found."}`},
		"zero":                     {route + "0/", "", 404, `{"detail":"Not found."}`},
		"beyond 64 bits":           {route + "99999999999999999999/", "", 404, `{"detail":"Not found."}`},
		"list, project, anonymous": {"/api/v2/captures/?project_id=3", "", 200, `{"count":0,"next":null,"previous":null,"results":[],"user_permissions":[]}`},
		"event, anonymous":         {"/api/v2/events/?project_id=3", "", 200, `{"count":0,"next":null,"previous":null,"results":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.get(t, c.target, c.header)
			if got.StatusCode != c.status || got.body != c.body {
				t.Errorf("%d %s, want %d %s", got.StatusCode, got.body, c.status, c.body)
			}
		})
	}
	t.Run("no thumbnails in its pages, the owner's too", func(t *testing.T) {
		t.Parallel()
		for _, target := range []string{"/api/v2/captures/?project_id=3", "/api/v2/captures/" + draft + "/", "/api/v2/events/?project_id=3"} {
			if got := s.get(t, target, asOwner); !strings.Contains(got.body, `"thumbnails":null`) || strings.Contains(got.body, route) {
				t.Errorf("%s: %s", target, got.body)
			}
		}
	})
}

func TestCaptureWithoutProject(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.exec(t, `UPDATE main_sourceimage SET project_id = NULL WHERE id = 4`)
	if got := s.get(t, "/api/v2/captures/4/"); !strings.Contains(got.body, `"project":null,"thumbnails":null`) {
		t.Errorf("%s", got.body)
	}
	if got := s.get(t, route+"4/"); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", got.StatusCode)
	}
}

// The original may lie on another server; it is fetched there once a label.
func TestOriginalsElsewhere(t *testing.T) {
	t.Parallel()
	media := t.TempDir()
	if err := os.Mkdir(filepath.Join(media, "originals"), 0o755); err != nil {
		t.Fatal(err)
	}
	originals, err := sampleapp.OpenOriginals(filepath.Join(media, "originals"))
	if err != nil {
		t.Fatal(err)
	}
	defer originals.Close()
	server := listen(t, originals)
	s := start(t, func(cfg *sampleapp.Config) { cfg.MediaDir, cfg.OriginalsURL = media, server+"/" })
	if got := s.get(t, "/api/v2/captures/5/"); !strings.Contains(got.body, `"url":"`+server+`/snail-1/`) {
		t.Errorf("no URL at the other server in %s", got.body)
	}
	s.thumbnail(t, route+"5/?label=small")
	s.thumbnail(t, route+"5/?label=medium")
	fetched := originals.Fetched()
	if len(fetched) != 1 {
		t.Fatalf("fetched %v, want one original", fetched)
	}
	for path, n := range fetched {
		if n != 2 || !strings.HasPrefix(path, "snail-1/2026-06-") {
			t.Errorf("%s was fetched %d times, want 2", path, n)
		}
	}
}

func TestOriginalThatCannotBeRendered(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.exec(t, `UPDATE main_sourceimage SET path = 'gone.jpg' WHERE id = 6`)
	if got := s.get(t, route+"6/"); got.StatusCode != http.StatusInternalServerError || !strings.Contains(got.body, "Server Error (500)") {
		t.Errorf("%d %s, want Django's 500", got.StatusCode, got.body)
	}
}
