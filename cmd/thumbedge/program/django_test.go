package program_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// behindDjango puts a site in front of the real Django.
func behindDjango(app **testenv.DjangoApp) siteOption {
	return func(s *site) {
		*app = testenv.Django(s.T, testenv.DjangoConfig{Workers: testenv.ASGIWorkers})
		s.appURL = "http://" + (*app).Address
		s.file.Upstream.URL = s.appURL
	}
}

// TestCompressionStaysTheApps: a page that the app compresses reaches the client
// compressed, whether something is warm in it or not.
func TestCompressionStaysTheApps(t *testing.T) {
	t.Parallel()
	var app *testenv.DjangoApp
	s := newSite(t, behindDjango(&app))
	warm, cold := s.capture(), s.capture()
	s.row(warm, "small", 240)
	for id, rewritten := range map[int64]bool{warm: true, cold: false} {
		target := fmt.Sprintf("/api/v2/captures/gallery/%d/", id)
		response, body := s.get(s.url+target, "Accept-Encoding", "gzip, deflate, br", "Host", app.Address)
		direct, plain := s.get(s.appURL+target, "Accept-Encoding", "identity")
		if response.Header.Get("Content-Encoding") != "gzip" || direct.Header.Get("Content-Encoding") != "" || len(body) > len(plain)/2 {
			t.Errorf("of %d bytes it sends %d, as %q", len(plain), len(body), response.Header.Get("Content-Encoding"))
		}
		if text := gunzip(t, body); strings.Contains(text, "/media/thumbnails/") != rewritten {
			t.Errorf("rewritten should be %v: %.300s", rewritten, text)
		}
	}
}

// TestTagsStayTheApps: what a client says of a page by the tag that it got, Django
// compares with the tag that it gave.
func TestTagsStayTheApps(t *testing.T) {
	t.Parallel()
	var app *testenv.DjangoApp
	s := newSite(t, behindDjango(&app))
	id := s.capture()
	s.row(id, "small", 240)
	target := fmt.Sprintf("%s/api/v2/captures/gallery/%d/", s.url, id)
	first, body := s.get(target, "Accept-Encoding", "identity")
	tag := first.Header.Get("ETag")
	if !strings.Contains(string(body), "/media/thumbnails/") || tag == "" || tag == `"v1"` {
		t.Fatalf("%v, %.300s", first.Header, body)
	}
	for _, c := range []struct {
		method, name, value string
		want                int
	}{
		{http.MethodPut, "If-Match", tag, http.StatusOK},
		{http.MethodPut, "If-Match", `W/"te-0-s-other"`, http.StatusPreconditionFailed},
		{http.MethodPut, "If-None-Match", tag, http.StatusPreconditionFailed},
		{http.MethodGet, "If-None-Match", tag, http.StatusNotModified},
	} {
		response, _ := s.do(c.method, target, http.NoBody, c.name, c.value, "Accept-Encoding", "identity")
		if response.StatusCode != c.want {
			t.Errorf("%s with %s: %s is %s, want %d", c.method, c.name, c.value, response.Status, c.want)
		}
	}
}

func gunzip(t *testing.T, packed []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
