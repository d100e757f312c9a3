package demo_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// openAs loads the private gallery as one of its people, and returns the addresses of what
// it shows.
func openAs(t *testing.T, d *demo.Demo, via, who string) (tab *testenv.Tab, urls []string, originals int) {
	t.Helper()
	tab = testenv.Browser(t)
	tab.Open(fmt.Sprintf("%s/?via=%s&labels=small,medium&who=%s", d.URL, via, who))
	tab.Wait("window.demo && window.demo.complete")
	var shown struct {
		URLs              []string
		Failed, Originals int
	}
	tab.Eval(`({URLs: demo.images.map((i) => i.url), Failed: demo.images.filter((i) => i.state !== "loaded").length, Originals: demo.originals})`, &shown)
	if shown.Failed != 0 {
		t.Errorf("%s: %d images are broken", who, shown.Failed)
	}
	return tab, shown.URLs, shown.Originals
}

// galleryOfMembers opens the draft project's gallery: a member sees thumbnails, of which
// the app hears nothing, where without thumbedge they would see originals; an outsider sees
// nothing, whatever they edit.
func galleryOfMembers(t *testing.T, d *demo.Demo) {
	t.Helper()
	before := d.App.Counters()
	tab, urls, originals := openAs(t, d, "proxy", "owner")
	_, again, _ := openAs(t, d, "proxy", "owner")
	_, others, _ := openAs(t, d, "proxy", "member")
	if len(urls) != images || originals != 0 {
		t.Errorf("the owner sees %d images, %d of them originals; want %d and none", len(urls), originals, images)
	}
	if n := tab.Count(func(url string) bool { return strings.Contains(url, "/media/originals/") }); n != 0 {
		t.Errorf("the owner's browser asked for %d originals", n)
	}
	if !slices.Equal(again, others) && !slices.Equal(urls, again) { // all three in different quanta: no
		t.Error("the addresses changed within a quantum")
	}
	after := d.App.Counters()
	if after.Thumbnail != before.Thumbnail || after.Renders != before.Renders || after.Media != before.Media {
		t.Errorf("the app saw %+v, before %+v", after, before)
	}
	if _, urls, originals := openAs(t, d, "app", "owner"); originals != len(urls) || originals != images {
		t.Errorf("without thumbedge the owner sees %d originals of %d images", originals, len(urls))
	}
	if _, urls, _ := openAs(t, d, "proxy", "outsider"); len(urls) != 0 {
		t.Errorf("an outsider sees %d images", len(urls))
	}
	status := func(url string) int {
		t.Helper()
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode
	}
	first, second := urls[0], urls[2] // small, of two captures
	route := "/api/v2/captures/thumbnails/"
	_, rest, _ := strings.Cut(first, route)
	id, query, _ := strings.Cut(rest, "/")
	_, rest, _ = strings.Cut(second, route)
	other, _, _ := strings.Cut(rest, "/")
	if got := status(first); got != http.StatusOK {
		t.Errorf("the address itself gives %d", got)
	}
	if got := status(strings.Replace(first, route+id, route+other, 1)); id == other || got != http.StatusUnauthorized {
		t.Errorf("with another capture's id, %s for %s, it gives %d; %s", other, id, got, query)
	}
}
