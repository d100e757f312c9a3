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
	var serving []string
	if direct.Eval(`demo.serving`, &serving); len(serving) != after.Workers {
		t.Errorf("the gallery tells of the workers %q, want %d", serving, after.Workers)
	}
	if direct.Eval(`demo.peak`, &peak); peak.Busy < 2 {
		t.Errorf("the app made %d thumbnails, and its workers are said to have been as busy as %+v", images, peak)
	}
	if warm := open(t, d, "proxy"); warm.Count(route(d.URL)) != 0 {
		t.Errorf("what the app has made is asked for again: %d requests", warm.Count(route(d.URL)))
	}
	refusedFromElsewhere(t, d.URL+"/demo/cold")
}

// refusedFromElsewhere has another site's page send a request.
func refusedFromElsewhere(t *testing.T, target string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader("true"))
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
		t.Errorf("another site's %s is answered %s", target, response.Status)
	}
}

// galleryIsShared turns the switch, which changes the setting for all who look: views of a
// gallery within its period ask the app for one page, or none, and otherwise for one each.
func galleryIsShared(t *testing.T, d *demo.Demo) {
	t.Helper()
	tab := open(t, d, "proxy")
	off := func(when string) {
		t.Helper()
		before := d.App.Counters().Page
		for range 3 {
			press(t, tab, "#controls button[type=submit]")
		}
		if n := d.App.Counters().Page - before; n != 3 || d.Program.File().Responses.AnonymousPages != 0 {
			t.Errorf("%s: 3 views asked the app for %d pages, and the setting is %v", when, n, d.Program.File().Responses.AnonymousPages)
		}
	}
	off("not shared")
	refusedFromElsewhere(t, d.URL+"/demo/sharing")
	press(t, tab, "#share input")
	asked := 1
	for look := 0; look < 5 && asked > 0; look++ { // a busy machine may need longer than the period for some
		press(t, tab, "#controls button[type=submit]")
		tab.Eval(`demo.pagesAtApp`, &asked)
	}
	if asked > 0 || d.Program.File().Responses.AnonymousPages == 0 {
		t.Errorf("shared: each of 5 views asked the app for a page, or the setting is %v", d.Program.File().Responses.AnonymousPages)
	}
	var told bool
	if open(t, d, "proxy").Eval(`demo.shared && document.querySelector("#share input").checked`, &told); !told {
		t.Error("another visitor's switch is off")
	}
	press(t, tab, "#share input")
	off("shared no more")
}
