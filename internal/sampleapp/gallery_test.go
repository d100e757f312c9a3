package sampleapp_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// shown is the gallery's own account of a page.
type shown struct {
	Via, Error      string
	Complete        bool
	Count           int
	ThumbnailsAtApp int
	Images          []struct {
		Label, Source, State string
	}
}

// sources returns how many images came from where.
func (s shown) sources() map[string]int {
	tally := map[string]int{}
	for _, image := range s.Images {
		tally[image.Source]++
	}
	return tally
}

// look opens a gallery and waits until its page is complete.
func look(tab *testenv.Tab, url string) (page shown) {
	tab.Open(url)
	tab.Wait(`window.demo && (demo.complete || demo.error)`)
	tab.Eval(`demo`, &page)
	return page
}

func isThumbnail(url string) bool { return strings.Contains(url, route) }

// Straight from the app, every image asks it: that is what the demo shows.
func TestGalleryStraightFromTheApp(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	tab := testenv.Browser(t)
	for visit := range 2 { // the second is as a new visitor's, whatever the browser kept
		page := look(tab, s.url+"/")
		if page.Error != "" || page.Via != "app" || page.Count != 18 || page.ThumbnailsAtApp != 36 {
			t.Fatalf("%+v", page)
		}
		if diff := cmp.Diff(map[string]int{"app": 36}, page.sources()); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}
		if n, want := s.Counters().Thumbnail, int64(36*(visit+1)); n != want || tab.Count(isThumbnail) != int(want) {
			t.Errorf("the app counted %d, the browser %d thumbnail requests; want %d", n, tab.Count(isThumbnail), want)
		}
	}
}

// A proxy may name files in the page, or answer the route itself. The gallery
// tells both from what the app answered, and shows what did not load as such.
func TestGalleryTellsSourcesApart(t *testing.T) {
	t.Parallel()
	var proxyURL, appURL string
	s := start(t, func(cfg *sampleapp.Config) {
		cfg.CORS = true
		cfg.AppURL, cfg.ProxyURL = func() string { return appURL }, func() string { return proxyURL }
	})
	appURL = s.url
	for _, label := range []string{"small", "medium"} {
		for id := range 4 {
			s.thumbnail(t, route+string(rune('1'+id))+"/?label="+label)
		}
	}
	s.exec(t, `DELETE FROM main_sourceimagethumbnail WHERE label = 'medium' AND source_image_id = 3`)
	s.exec(t, `UPDATE main_sourceimage SET project_id = NULL WHERE id BETWEEN 6 AND 18`)
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	proxyURL = listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.URL.Path, route)
		switch {
		case r.URL.Path == "/api/v2/captures/": // capture 1's file is known here
			page := httptest.NewRecorder()
			forward.ServeHTTP(page, r)
			body := strings.ReplaceAll(page.Body.String(), proxyURL+route+"1/?label=small", "/media/thumbnails/capture_1/small.jpg")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		case id == "2/": // answered here
			http.Redirect(w, r, "/media/thumbnails/capture_2/"+r.URL.Query().Get("label")+".jpg", http.StatusFound)
		case id == "4/":
			http.Error(w, "busy", http.StatusServiceUnavailable)
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	tab := testenv.Browser(t)
	page := look(tab, proxyURL+"/?labels=small")
	if page.Via != "proxy" || page.ThumbnailsAtApp != 2 {
		t.Errorf("by way of %s, %d requests at the app", page.Via, page.ThumbnailsAtApp)
	}
	want := map[string]int{"storage": 1, "proxy": 1, "app": 2, "failed": 1, "original": 13}
	if diff := cmp.Diff(want, page.sources()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	var badges []string
	tab.Eval(`[...document.querySelectorAll(".badge")].map((b) => b.textContent)`, &badges)
	tally := map[string]int{}
	for _, badge := range badges {
		tally[badge]++
	}
	want = map[string]int{"storage": 1, "proxy redirect": 1, "app redirect": 2, "failed": 1, "original": 13}
	if diff := cmp.Diff(want, tally); diff != "" {
		t.Errorf("badges (-want +got):\n%s", diff)
	}
	// The switch loads the same page the other way.
	tab.Eval(`(document.querySelector("input[value=app]").click(), true)`, new(bool))
	tab.Wait(`demo.via === "app" && (demo.complete || demo.error)`)
	tab.Eval(`demo`, &page)
	if diff := cmp.Diff(map[string]int{"app": 5, "original": 13}, page.sources()); diff != "" || page.Error != "" {
		t.Errorf("straight: %s, sources (-want +got):\n%s", page.Error, diff)
	}
}

func TestGalleryTurnsPagesAndOpensCaptures(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.exec(t, `INSERT INTO main_sourceimage (path, public_base_url, timestamp, project_id)
		SELECT path, public_base_url, timestamp, 1 FROM main_sourceimage, generate_series(1, 2) WHERE id <= 18`)
	tab := testenv.Browser(t)
	page := look(tab, s.url+"/?labels=small")
	if len(page.Images) != 40 || page.Count != 54 {
		t.Errorf("%d images of %d captures, want 40 of 54", len(page.Images), page.Count)
	}
	tab.Eval(`(document.getElementById("next").click(), true)`, new(bool))
	tab.Wait(`demo.offset === 40 && demo.complete`)
	tab.Eval(`demo`, &page)
	if len(page.Images) != 14 {
		t.Errorf("%d images on the second page, want 14", len(page.Images))
	}
	var enlarged struct {
		Open       bool
		Loaded     bool
		Next, Left string
	}
	tab.Eval(`(document.querySelector(".pictures").click(), true)`, new(bool))
	tab.Wait(`document.getElementById("box").open && document.getElementById("box-image").naturalWidth > 0`)
	tab.Eval(`(() => {
		const box = document.getElementById("box"), first = document.getElementById("box-caption").textContent;
		const press = (key) => box.dispatchEvent(new KeyboardEvent("keydown", { key }));
		press("ArrowRight");
		const next = document.getElementById("box-caption").textContent;
		press("ArrowLeft");
		return { open: box.open, next: next, left: document.getElementById("box-caption").textContent === first ? "back" : "lost" };
	})()`, &enlarged)
	if !enlarged.Open || enlarged.Left != "back" || enlarged.Next == "" {
		t.Errorf("%+v", enlarged)
	}
}

// TestGalleryStaysInPlace: nothing moves while images arrive, on a wide and on a
// narrow screen. With SCREENSHOTS naming a folder, it keeps pictures there.
func TestGalleryStaysInPlace(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	tab := testenv.Browser(t)
	// What moves, moves on every visit; a busy machine once moved something on one.
	for visit := 1; ; visit++ {
		if page := look(tab, s.url+"/"); page.Error != "" {
			t.Fatal(page.Error)
		}
		shift, moved := layoutShift(tab)
		if shift <= 0.02 {
			break
		}
		t.Logf("visit %d: the layout shifted by %v: %s", visit, shift, moved)
		if visit == 3 {
			t.Fatal("it shifts on every visit")
		}
	}
	for _, width := range []int{360, 1440} {
		for _, scheme := range []string{"light", "dark"} {
			png := tab.Screenshot(width, scheme)
			var overflow int
			tab.Eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &overflow)
			if overflow > 0 {
				t.Errorf("at %d pixels the page is %d too wide", width, overflow)
			}
			if dir := os.Getenv("SCREENSHOTS"); dir != "" {
				name := filepath.Join(dir, scheme+"_"+map[int]string{360: "narrow", 1440: "wide"}[width]+".png")
				if err := os.WriteFile(name, png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// layoutShift returns by how much the page has moved by itself since it was opened
// (https://web.dev/articles/cls), and what moved.
func layoutShift(tab *testenv.Tab) (shift float64, moved string) {
	var seen struct {
		Shift float64
		Moved string
	}
	tab.Eval(`new Promise((done) => new PerformanceObserver((list) => {
		const shifts = list.getEntries().filter((e) => !e.hadRecentInput);
		done({ shift: shifts.reduce((sum, e) => sum + e.value, 0), moved: JSON.stringify(shifts.map((e) => [Math.round(e.startTime), e.value,
			...e.sources.map((s) => [s.node?.id || s.node?.className || s.node?.nodeName, s.previousRect.top, s.currentRect.top, s.currentRect.height])])) });
	}).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => done({ shift: 0, moved: "" }), 200))`, &seen)
	return seen.Shift, seen.Moved
}
