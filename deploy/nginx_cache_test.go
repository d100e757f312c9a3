package deploy_test

import (
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestWhatACacheMayKeep puts a cache into nginx that keeps whatever it is allowed to:
// finished thumbnails, and neither the app's JSON nor the thumbnail route.
func TestWhatACacheMayKeep(t *testing.T) {
	t.Parallel()
	dir, database := t.TempDir(), testenv.Database(t)
	photos, err := sampleapp.Album{Dir: filepath.Join(dir, "photos"), Scenes: 4, Width: 320}.Draw(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	media := filepath.Join(dir, "media")
	app, err := sampleapp.New(t.Context(), sampleapp.Config{DatabaseURL: database, MediaDir: media}, slog.New(slog.DiscardHandler))
	if err == nil {
		err = app.Seed(t.Context(), photos, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := startApp(t, app.Handler().ServeHTTP)
	t.Cleanup(func() { _ = app.Close() })
	n := startNginx(t, run(t, demo.Config(database, server.URL, media)).Addr(),
		"upstream thumbedge {", "proxy_cache_path "+dir+"/cache keys_zone=all:1m;\nupstream thumbedge {",
		"proxy_pass http://thumbedge;", "proxy_pass http://thumbedge;\nproxy_cache all;\nadd_header X-Cache $upstream_cache_status;",
		"proxy_buffering off;", "",
		"proxy_set_header Host $host;", "proxy_set_header Host $http_host;",
		"proxy_set_header X-Forwarded-Host $host;", "")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) *http.Response {
		t.Helper()
		response, err := client.Get("http://" + n.Address + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		return response
	}
	const route = "/api/v2/captures/thumbnails/1/?label=small"
	location := get(route).Header.Get("Location")
	file := strings.TrimPrefix(location, "http://"+n.Address)
	for _, c := range []struct{ path, cacheControl, second string }{
		{"/api/v2/captures/?limit=2", "", "MISS"},
		{route, "private, max-age=300", "MISS"},
		{file, "public, max-age=31536000, immutable", "HIT"},
	} {
		for range 2 {
			get(c.path)
		}
		response := get(c.path)
		if got := response.Header.Get("X-Cache"); got != c.second || !strings.HasPrefix(response.Header.Get("Cache-Control"), c.cacheControl) || response.StatusCode >= 400 {
			t.Errorf("%s, asked for again, is %s, %s, %q; want %s", c.path, response.Status, got, response.Header.Get("Cache-Control"), c.second)
		}
	}
}
