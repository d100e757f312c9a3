package sampleapp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// listen serves a handler until the test ends, and returns its URL.
func listen(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// What a client wrote comes back in every page of the capture, nested JSON as
// nested JSON, and a string as a string.
func TestNotesComeBackAsTheyWereSent(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	nested := `{"thumbnails":{"small":"http://app.example.org/api/v2/captures/thumbnails/` + draft + `/?label=small"},"<b>&":"\/","n":1.50}`
	text := `"{\"thumbnails\":{\"small\":\"…\"}}"`
	for _, notes := range []string{nested, text, `null`, `[]`} {
		if got := s.do(t, http.MethodPatch, "/api/v2/captures/7/", `{"notes": `+notes+`}`, asStranger); got.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", notes, got.StatusCode, got.body)
		}
		for _, target := range []string{"/api/v2/captures/7/", "/api/v2/captures/?limit=50"} {
			if got := s.get(t, target); !strings.Contains(got.body, `"notes":`+notes+`,`) {
				t.Errorf("%s: no notes %s in %s", target, notes, got.body)
			}
		}
	}
	for name, c := range map[string]struct {
		target, body, header string
		status               int
	}{
		"anonymous":       {"/api/v2/captures/7/", `{"notes":1}`, "", 401},
		"not JSON":        {"/api/v2/captures/7/", `{"notes":`, asStranger, 400},
		"another's draft": {"/api/v2/captures/" + draft + "/", `{"notes":1}`, asStranger, 404},
		"nothing to say":  {"/api/v2/captures/7/", `{}`, asStranger, 200},
	} {
		if got := s.do(t, http.MethodPatch, c.target, c.body, c.header); got.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", name, got.StatusCode, got.body, c.status)
		}
	}
	if got := s.do(t, http.MethodDelete, "/api/v2/captures/7/", "", asOwner); got.StatusCode != http.StatusMethodNotAllowed || got.body != `{"detail":"Method \"DELETE\" not allowed."}` {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestListIsFilteredOrderedAndCut(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ids := func(query string) (count int, ids []int) {
		var page struct {
			Count   int
			Results []struct{ ID int }
		}
		got := s.get(t, "/api/v2/captures/?"+query)
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			t.Fatalf("%s: %v: %s", query, err, got.body)
		}
		for _, c := range page.Results {
			ids = append(ids, c.ID)
		}
		return page.Count, ids
	}
	for query, want := range map[string]struct {
		count int
		ids   []int
	}{
		"limit=3":                              {18, []int{1, 2, 3}},
		"limit=3&offset=17":                    {18, []int{18}},
		"limit=3&offset=100":                   {18, nil},
		"limit=nonsense&offset=-1":             {18, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"project_id=2&limit=2":                 {6, []int{13, 14}},
		"event=1":                              {3, []int{1, 2, 3}},
		"ordering=-id&limit=2":                 {18, []int{18, 17}},
		"ordering=nonsense,-timestamp&limit=1": {18, []int{18}},
	} {
		count, got := ids(query)
		if count != want.count || !cmp.Equal(got, want.ids) {
			t.Errorf("%s: %d, %v; want %d, %v", query, count, got, want.count, want.ids)
		}
	}
	if got := s.get(t, "/api/v2/captures/?project_id=all"); got.StatusCode != http.StatusBadRequest || got.body != `{"project_id":["A valid integer is required."]}` {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestCountersTellKindsApart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, target := range []string{"/", "/favicon.ico", "/api/v2/captures/", "/api/v2/events/1/", route, route + "1/?label=small&visit=7",
		route + "1/?label=typo&visit=8", "/media/none.jpg", "/demo/counters", "/demo/config", "/demo/assets/gallery.js"} {
		s.get(t, target)
	}
	want := sampleapp.Counters{Page: 3, Thumbnail: 2, Media: 1, Other: 2, Renders: 1, Workers: 4}
	until(t, "all workers idle", func() bool { return s.Counters().Busy == 0 })
	if diff := cmp.Diff(want, s.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	var over sampleapp.Counters
	if err := json.Unmarshal([]byte(s.get(t, "/demo/counters").body), &over); err != nil || over != want {
		t.Errorf("over HTTP: %+v, %v", over, err)
	}
	if got := s.get(t, "/demo/thumbnails?visit=7").body; got != `["`+route+`1/?label=small&visit=7"]` {
		t.Errorf("the visit's requests: %s", got)
	}
}

func TestCountersAreStreamed(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/demo/counters", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	await := func(pages int64) {
		for lines.Scan() {
			var now sampleapp.Counters
			text, ok := strings.CutPrefix(lines.Text(), "data: ")
			if ok && json.Unmarshal([]byte(text), &now) == nil && now.Page == pages {
				return
			}
		}
		t.Fatalf("the stream ended before %d pages: %v", pages, lines.Err())
	}
	await(0)
	s.get(t, "/api/v2/captures/")
	await(1)
}

// Each request holds a web worker: while all render, everything else waits, which
// is how the real app's other traffic suffers.
func TestRequestsWaitForAWorker(t *testing.T) {
	t.Parallel()
	release, once := make(chan struct{}), sync.Once{}
	finish := func() { once.Do(func() { close(release) }) }
	s := start(t, func(cfg *sampleapp.Config) {
		cfg.Workers = 2
		cfg.Render = func(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
			<-release
			return sampleapp.RenderOne(ctx, original, spec)
		}
	})
	t.Cleanup(finish)
	var clients sync.WaitGroup
	for _, target := range []string{route + "1/", route + "2/"} {
		clients.Go(func() { s.get(t, target) })
	}
	until(t, "both workers busy", func() bool { return s.Counters().Busy == 2 })
	clients.Go(func() { s.get(t, "/api/v2/captures/") })
	until(t, "a page waits", func() bool { return s.Counters().Waiting == 1 })
	// The demo's own requests need no worker.
	if got := s.get(t, "/demo/counters"); !strings.Contains(got.body, `"busy":2,"waiting":1,"serving":["thumbnail","thumbnail"]`) {
		t.Errorf("%s", got.body)
	}
	// A client that gives up leaves the queue.
	impatient, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(impatient, http.MethodGet, s.url+"/api/v2/events/", nil)
	if err != nil {
		t.Fatal(err)
	}
	clients.Go(func() {
		if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
			response.Body.Close()
		}
	})
	until(t, "two wait", func() bool { return s.Counters().Waiting == 2 })
	leave()
	until(t, "one waits", func() bool { return s.Counters().Waiting == 1 })
	finish()
	clients.Wait()
	until(t, "all idle", func() bool { now := s.Counters(); return now.Busy == 0 && now.Waiting == 0 })
}

func TestSeedingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	before := s.get(t, "/api/v2/captures/?limit=100", asOwner).body
	photos, err := album()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(s.media + "/originals/snail-1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Seed(t.Context(), photos, 2); err != nil {
		t.Fatal(err)
	}
	if after := s.get(t, "/api/v2/captures/?limit=100", asOwner).body; after != before || !strings.HasPrefix(after, `{"count":24,`) {
		t.Errorf("the list was\n%s\nand is\n%s", before, after)
	}
	s.thumbnail(t, route+"1/") // its original is there again
}

func TestAlbumIsKept(t *testing.T) {
	t.Parallel()
	album := sampleapp.Album{Dir: t.TempDir(), Scenes: 3, Width: 160}
	var first, second strings.Builder
	photos, err := album.Draw(t.Context(), &first)
	if err != nil {
		t.Fatal(err)
	}
	if got := first.String(); got != "drawing 3 photos\ndrew 3 of 3 photos\n" {
		t.Errorf("said %q", got)
	}
	if err := os.Remove(photos[1].File); err != nil {
		t.Fatal(err)
	}
	again, err := album.Draw(t.Context(), &second)
	if err != nil || !cmp.Equal(photos, again) {
		t.Errorf("%+v, %v; want %+v", again, err, photos)
	}
	if got := second.String(); got != "drawing 1 photos\ndrew 1 of 1 photos\n" {
		t.Errorf("said %q", got)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	album.Scenes = 4
	if _, err := album.Draw(cancelled, io.Discard); err == nil {
		t.Error("drew on after the context had ended")
	}
}

func TestPagesOfOtherOriginsMayRead(t *testing.T) {
	t.Parallel()
	s := start(t, func(cfg *sampleapp.Config) {
		cfg.CORS = true
		cfg.AppURL = func() string { return "http://127.0.0.1:8000/" }
	})
	const origin = "Origin: http://127.0.0.1:8080"
	for _, target := range []string{"/api/v2/captures/", "/demo/counters", "/media/none.jpg"} {
		if got := s.get(t, target, origin); got.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", target, got.Header)
		}
	}
	got := s.do(t, http.MethodOptions, "/api/v2/captures/", "", origin, "Access-Control-Request-Method: GET")
	if got.StatusCode != http.StatusOK || got.body != "" || !strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "authorization") {
		t.Errorf("preflight: %d %v %s", got.StatusCode, got.Header, got.body)
	}
	if got := s.get(t, "/demo/config").body; got != `{"app":"http://127.0.0.1:8000","cold":false,"labels":["small","medium","large"],"people":{"member":"demo-member","outsider":"demo-stranger","owner":"demo-owner"},"private":3,"proxy":""}` {
		t.Errorf("config: %s", got)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	_, err := sampleapp.New(t.Context(), sampleapp.Config{Workers: -1, Specs: thumb.Specs{{Label: "small"}}}, nil)
	for _, want := range []string{"database URL", "media folder", "workers", "width"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in %v", want, err)
		}
	}
}
