package testenv_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// What a tab says it requested is what reached the server: redirects hop by hop,
// and nothing that its cache answered.
func TestTabCountsItsRequests(t *testing.T) {
	t.Parallel()
	var routed, stored atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, isStored := strings.CutPrefix(r.URL.Path, "/stored/")
		switch {
		case r.URL.Path == "/":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<img src="/route/1"><img src="/route/2"><img src="/gone">`)
		case isStored:
			stored.Add(1)
			w.Header().Set("Content-Type", "image/svg+xml")
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			fmt.Fprint(w, `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`)
		case strings.HasPrefix(r.URL.Path, "/route/"):
			routed.Add(1)
			w.Header().Set("Cache-Control", "private, max-age=300")
			http.Redirect(w, r, "/stored/"+r.URL.Path[len("/route/"):], http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	loaded := `document.readyState === "complete"`
	isRoute := func(url string) bool { return strings.Contains(url, "/route/") }
	isStored := func(url string) bool { return strings.Contains(url, "/stored/") }

	tab := testenv.Browser(t)
	load := func() {
		tab.Open(server.URL + "/")
		tab.Wait(loaded)
		got := [2]int{tab.Count(isRoute), tab.Count(isStored)}
		if server := [2]int{int(routed.Load()), int(stored.Load())}; got != server || got != [2]int{2, 2} {
			t.Errorf("the tab counts %v, the server %v; want 2 and 2: %+v", got, server, tab.Requests())
		}
	}
	load()
	statuses := map[string]int{}
	for _, r := range tab.Requests() {
		statuses[strings.TrimPrefix(r.URL, server.URL)] = r.Status
	}
	delete(statuses, "/favicon.ico")
	want := map[string]int{"/": 200, "/route/1": 302, "/route/2": 302, "/stored/1": 200, "/stored/2": 200, "/gone": 404}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	load() // everything but the page from the cache

	other := testenv.Browser(t) // knows nothing of the first one's cache
	other.Open(server.URL + "/")
	other.Wait(loaded)
	if n := other.Count(isRoute); n != 2 {
		t.Errorf("another tab made %d requests to the route, want 2", n)
	}
}

func TestTabEvaluates(t *testing.T) {
	t.Parallel()
	tab := testenv.Browser(t)
	tab.Open("about:blank")
	var got struct{ Sum int }
	tab.Eval(`({sum: 40 + 2})`, &got)
	if got.Sum != 42 {
		t.Errorf("%+v, want 42", got)
	}
	if png := tab.Screenshot(320, "dark"); !strings.HasPrefix(string(png), "\x89PNG") {
		t.Error("the screenshot is no PNG")
	}
}

// A page that is replaced again and again, as by a form, is waited for all the same.
func TestWaitOutlivesThePage(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		if n := asked.Add(1); n < 20 {
			_, _ = fmt.Fprintf(w, `<title>%d</title><script>requestAnimationFrame(() => setTimeout(() => location.reload()))</script>`, n)
			return
		}
		_, _ = fmt.Fprint(w, `<title>done</title>`)
	}))
	t.Cleanup(server.Close)
	tab := testenv.Browser(t)
	tab.Open(server.URL + "/")
	tab.Wait(`document.title === "done"`)
}
