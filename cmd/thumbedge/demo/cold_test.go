package demo_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// press clicks a button of the gallery, and waits until what it loads is complete.
func press(t *testing.T, tab *testenv.Tab, button string) {
	t.Helper()
	var visit string
	tab.Eval(`demo.visit`, &visit)
	tab.Eval(fmt.Sprintf(`(document.querySelector(%q).click(), true)`, button), new(any))
	tab.Wait(fmt.Sprintf(`demo.visit !== %q && (demo.complete || demo.error)`, visit))
	var shown struct {
		Error          string
		Loaded, Cached int
	}
	tab.Eval(`({Error: demo.error, Loaded: demo.images.filter((i) => i.state === "loaded").length, Cached: demo.images.filter((i) => i.cached).length})`, &shown)
	if shown.Error != "" || shown.Loaded != images {
		t.Errorf("after %s: %+v, want %d images", button, shown, images)
	}
}

// galleryIsColdAgain presses the button on either way in: each image is made again, by
// thumbedge without the app, and by the app's own workers without it. What the browser or
// the warm set had is of no use.
func galleryIsColdAgain(t *testing.T, d *demo.Demo) {
	t.Helper()
	route := func(base string) func(string) bool {
		return func(url string) bool { return strings.HasPrefix(url, base+"/api/v2/captures/thumbnails/") }
	}
	var peak struct{ Busy, Waiting int }
	for range 2 { // it is cold as often as it is pressed
		tab := open(t, d, "proxy")
		before, asked := d.App.Counters(), tab.Count(route(d.URL))
		press(t, tab, "#cold")
		after := d.App.Counters()
		if n := tab.Count(route(d.URL)) - asked; n != images {
			t.Errorf("cold again: %d requests for thumbnails at thumbedge, want %d", n, images)
		}
		if after.Thumbnail != before.Thumbnail || after.Renders != before.Renders {
			t.Errorf("cold again through thumbedge, the app saw %+v, before %+v", after, before)
		}
		if tab.Eval(`demo.peak`, &peak); peak.Busy > 1 || peak.Waiting > 1 {
			t.Errorf("cold again through thumbedge, the app's workers are as busy as %+v", peak)
		}
	}
	direct := open(t, d, "app")
	before := d.App.Counters()
	press(t, direct, "#cold")
	after := d.App.Counters()
	if after.Thumbnail-before.Thumbnail != images || after.Renders-before.Renders != images {
		t.Errorf("cold again straight at the app, it saw %+v, before %+v", after, before)
	}
	if direct.Eval(`demo.peak`, &peak); peak.Busy < 2 {
		t.Errorf("the app made %d thumbnails, and its workers are said to have been as busy as %+v", images, peak)
	}
	if warm := open(t, d, "proxy"); warm.Count(route(d.URL)) != 0 {
		t.Errorf("what the app has made is asked for again: %d requests", warm.Count(route(d.URL)))
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/demo/cold", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://evil.example")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("another site makes it cold: %s", response.Status)
	}
}

// galleryIsShared turns the switch: views of a gallery within its period ask the app for
// one page, or none, and otherwise for one each.
func galleryIsShared(t *testing.T, d *demo.Demo) {
	t.Helper()
	tab := open(t, d, "proxy")
	pages := func() int64 { return d.App.Counters().Page }
	before := pages()
	for range 3 {
		press(t, tab, "#controls button[type=submit]")
	}
	if n := pages() - before; n != 3 {
		t.Errorf("not shared: 3 views asked the app for %d pages", n)
	}
	press(t, tab, "#share input")
	var asked int
	shared := 0
	for range 5 { // a busy machine may need longer than the period for some
		press(t, tab, "#controls button[type=submit]")
		if tab.Eval(`demo.pagesAtApp`, &asked); asked == 0 {
			shared++
		}
	}
	if shared == 0 {
		t.Error("shared: each of 5 views asked the app for a page")
	}
}
