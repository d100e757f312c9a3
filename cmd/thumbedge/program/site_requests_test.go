package program_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// page returns the captures list through base, as bytes.
func (s *site) page(base, query string) []byte {
	s.Helper()
	response, body := s.get(base + "/api/v2/captures/?" + query)
	if response.StatusCode != http.StatusOK {
		s.Fatalf("the page is %s: %s", response.Status, body)
	}
	return body
}

// thumbnailsOf decodes a captures list into id → label → URL.
func (s *site) thumbnailsOf(page []byte) map[int64]map[string]string {
	s.Helper()
	var list struct {
		Results []struct {
			ID         int64
			Thumbnails map[string]string
		}
	}
	if err := json.Unmarshal(page, &list); err != nil {
		s.Fatalf("the page is no JSON: %v: %.200s", err, page)
	}
	found := map[int64]map[string]string{}
	for _, c := range list.Results {
		found[c.ID] = c.Thumbnails
	}
	return found
}

// noRedirects is a browser that stops at the first answer.
var noRedirects = &http.Client{
	Timeout:       5 * time.Minute, // a busy machine renders slowly
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (s *site) get(target string, header ...string) (*http.Response, []byte) {
	s.Helper()
	return s.do(http.MethodGet, target, nil, header...)
}

func (s *site) do(method, target string, body io.Reader, header ...string) (*http.Response, []byte) {
	s.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, target, body)
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := noRedirects.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return response, read
}

// route returns the route URL of a thumbnail through thumbedge.
func (s *site) route(capture int64, query string) string {
	return fmt.Sprintf("%s/api/v2/captures/thumbnails/%d/%s", s.url, capture, query)
}

// fetch follows a Location or storage URL to the file and returns its bytes.
func (s *site) fetch(location string) []byte {
	s.Helper()
	base, _ := url.Parse(s.url)
	target, err := base.Parse(location)
	if err != nil {
		s.Fatal(err)
	}
	response, body := s.get(target.String())
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "image/jpeg" {
		s.Fatalf("%s is %s, %s", target, response.Status, response.Header.Get("Content-Type"))
	}
	return body
}
