package program_test

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// storageURL finds the storage URLs of a page, and in each the capture and label.
var storageURL = regexp.MustCompile(`"[^"]*thumbnails/capture_(\d+)/([a-z]+)(?:_[0-9a-f]{16})?\.jpg"`)

// asTheAppWroteIt undoes a rewrite.
func (s *site) asTheAppWroteIt(page []byte) []byte {
	return storageURL.ReplaceAll(page, []byte(`"`+s.url+`/api/v2/captures/thumbnails/$1/?label=$2"`))
}

// appsPage is the page that the app writes for thumbedge's clients.
func (s *site) appsPage(query string) []byte {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.appURL+"/api/v2/captures/?"+query, nil)
	if err != nil {
		s.Fatal(err)
	}
	request.Host = strings.TrimPrefix(s.url, "http://")
	response, err := noRedirects.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		s.Fatal(err)
	}
	return body.Bytes()
}

// TestPagesSurviveEachPart: the database, the storage and the originals' server stop,
// one at a time, while pages and thumbnails are asked for all the time. Every page is
// 200 and the app's own bytes, or a correct rewrite of them.
func TestPagesSurviveEachPart(t *testing.T) {
	t.Parallel()
	var database, storage, source *testenv.FaultyLink
	s := newSite(t, onS3, func(s *site) {
		database = throughLink(s, &s.file.Database.URL)
		storage = throughLink(s, &s.file.Storage.Endpoint)
		source = throughLink(s, &s.originals.URL)
		s.file.Storage.PublicBaseURL = s.bucket.Endpoint + "/" + s.bucket.Name
	}, with(promptly), with(func(f *config.File) {
		f.Source.RetryAfter, f.Render.MaxWait = 0, f.Database.PageTimeout*4
	}))
	ids := s.captures(8)
	for _, id := range ids[:4] {
		s.row(id, "small", 240)
	}
	want := s.appsPage("")
	var pages, warm atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				response, got := s.get(s.url + "/api/v2/captures/?")
				if response.StatusCode != http.StatusOK || !bytes.Equal(s.asTheAppWroteIt(got), want) {
					t.Errorf("the page is %s and neither the app's nor a rewrite of it: %s", response.Status, got)
					return
				}
				pages.Add(1)
				if storageURL.Match(got) {
					warm.Add(1)
				}
			}
		})
	}
	clients.Go(func() { // browsers keep asking for cold thumbnails meanwhile
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			response, body := s.get(s.route(ids[4+i%4], "?label=medium"))
			switch response.StatusCode {
			case http.StatusFound, http.StatusOK, http.StatusBadGateway, http.StatusServiceUnavailable:
			default:
				t.Errorf("a thumbnail is %s: %.200s", response.Status, body)
				return
			}
		}
	})
	rounds := func(n int64) {
		target := pages.Load() + n
		s.eventually("pages come", func() bool { return pages.Load() >= target })
	}
	for _, link := range []*testenv.FaultyLink{database, storage, source} {
		rounds(20)
		link.Down()
		rounds(40)
		link.Up()
		rounds(20)
	}
	s.eventually("pages are warm again", func() bool {
		before := warm.Load()
		rounds(4)
		return warm.Load() > before
	})
	close(stop)
	clients.Wait()
}

// throughLink puts a link with faults before the server of a URL.
func throughLink(s *site, address *string) *testenv.FaultyLink {
	s.Helper()
	u, err := url.Parse(*address)
	if err != nil {
		s.Fatal(err)
	}
	link := testenv.Toxiproxy(s.T, u.Host)
	u.Host = link.Address
	*address = u.String()
	return link
}
