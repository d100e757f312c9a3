package source

import (
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestWhereOriginalsLie(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	cfg.UpstreamURL, cfg.PublicURL = "http://127.0.0.1:8000", "https://site.example"
	s, err := newSite(cfg, emptyStorage{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		base, path, url, key string
		own                  bool
	}{
		{"https://photos.example/a/", "/b.jpg", "https://photos.example/a/b.jpg", "", false},
		{"/media/", "uploads/b.jpg", "http://127.0.0.1:8000/media/uploads/b.jpg", "uploads/b.jpg", true},
		{"/media/uploads/", "a b.jpg", "http://127.0.0.1:8000/media/uploads/a%20b.jpg", "uploads/a b.jpg", true},
		{"media/", "b.jpg", "http://127.0.0.1:8000/media/b.jpg", "b.jpg", true},
		{"/static/", "b.jpg?v=1", "http://127.0.0.1:8000/static/b.jpg?v=1", "", true},
		{"https://site.example/media/", "b.jpg", "http://127.0.0.1:8000/media/b.jpg", "b.jpg", true},
		{"https://SITE.example:443/static/", "b.jpg", "http://127.0.0.1:8000/static/b.jpg", "", true},
		{"http://site.example/media/", "b.jpg", "http://127.0.0.1:8000/media/b.jpg", "b.jpg", true},
		{"https://photos.example/a//x/", "2024//b.jpg", "https://photos.example/a/x/2024/b.jpg", "", false},
		{"/media//", "/2024//b.jpg", "http://127.0.0.1:8000/media/2024/b.jpg", "2024/b.jpg", true},
		{"/media/", "../secret.jpg", "http://127.0.0.1:8000/secret.jpg", "", true},
		{"/media/", "%2e%2e/secret.jpg", "http://127.0.0.1:8000/media/%2e%2e/secret.jpg", "", true},
		// Look-alikes are others.
		{"https://site.example.evil.com/media/", "b.jpg", "https://site.example.evil.com/media/b.jpg", "", false},
		{"https://site.example@evil.com/media/", "b.jpg", "https://site.example@evil.com/media/b.jpg", "", false},
		{"https://evilsite.example/media/", "b.jpg", "https://evilsite.example/media/b.jpg", "", false},
		{"https://site.example:8443/media/", "b.jpg", "https://site.example:8443/media/b.jpg", "", false},
		{"http://127.0.0.1:8000/media/", "b.jpg", "http://127.0.0.1:8000/media/b.jpg", "", false},
		{"/media/", "http://evil.com/b.jpg", "http://evil.com/b.jpg", "", false},
	} {
		at, err := s.find(thumb.Original{PublicBaseURL: c.base, Path: c.path})
		if err != nil || at.url.String() != c.url || at.key != c.key || at.own != c.own {
			t.Errorf("%s + %s: %+v, %v", c.base, c.path, at, err)
		}
	}
	for _, o := range []thumb.Original{{}, {Path: "x"}, {PublicBaseURL: "https://h/"}, {PublicBaseURL: "file:///etc/", Path: "passwd"},
		{PublicBaseURL: "cam:/h/", Path: "x"}, {PublicBaseURL: "//h/", Path: "x"}, {PublicBaseURL: "https:///", Path: "x"}, {PublicBaseURL: "https://h:port/", Path: "x"}} {
		if at, err := s.find(o); err == nil {
			t.Errorf("%+v lies at %v", o, at.url)
		}
	}
}
