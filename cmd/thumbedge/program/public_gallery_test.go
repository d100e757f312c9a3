package program_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// Time is a tenth of what it is in life: a gallery that is polled every 10 s is polled every
// second, as often as a browser lets a hidden tab, and its pages are used for 500 ms.
const (
	faster = 10
	polls  = 10 * time.Second / faster
	usedOf = 5 * time.Second / faster
)

// languages of the browsers: the app's pages vary by them.
var languages = []string{"en", "de-CH, de;q=0.8", "fr"}

// publicApp puts the sample app, as Django has it vary, behind the site, and counts pages.
func publicApp(pages *atomic.Int64) siteOption {
	return func(s *site) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v2/captures/" {
				pages.Add(1)
				if cookies := r.Header.Get("Cookie"); cookies != "" && s.file.Responses.AnonymousPages > 0 {
					s.Errorf("the app was sent cookies that are ignored: %s", cookies)
				}
			}
			w.Header().Set("Vary", "Accept, Accept-Language, Cookie")
			s.app.Handler().ServeHTTP(w, r)
		}))
		s.Cleanup(server.Close)
		s.appURL, s.file.Upstream.URL = server.URL, server.URL
	}
}

// tabsVariable opens more tabs than CI has time for: `make gallery-tabs`.
const tabsVariable = "THUMBEDGE_GALLERY_TABS"

// TestManyTabsOnOnePublicGallery: tabs of a browser, with analytics cookies and three
// languages among them, poll one gallery. With anonymous_pages they cost the app a page a
// period and language, whatever their number.
func TestManyTabsOnOnePublicGallery(t *testing.T) {
	const polled = 6
	tabs := 6
	if text := os.Getenv(tabsVariable); text != "" {
		var err error
		if tabs, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", tabsVariable, err)
		}
	}
	var opened []*testenv.Tab
	for n := range tabs {
		tab := testenv.Browser(t)
		tab.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
				Headers: network.Headers{"Accept-Language": languages[n%len(languages)]},
			})
			return err
		}))
		opened = append(opened, tab)
	}
	var asked [2]int64
	var took [2]time.Duration
	for i, anonymous := range []time.Duration{0, usedOf} {
		var pages atomic.Int64
		s := newSite(t, publicApp(&pages), with(func(f *config.File) { f.Responses.AnonymousPages = anonymous }))
		s.captures(20)
		for _, tab := range opened {
			tab.Open(s.url + "/media/nothing")
		}
		began := time.Now()
		for n, tab := range opened {
			poll(tab, n, polled)
		}
		for _, tab := range opened {
			tab.Wait(`finished`)
			var answered int
			if tab.Eval(`answered`, &answered); answered != polled {
				t.Errorf("a tab got %d of %d pages", answered, polled)
			}
		}
		asked[i], took[i] = pages.Load(), time.Since(began)
	}
	perMinute := func(i int) float64 { return float64(asked[i]) / took[i].Minutes() / faster }
	t.Logf("%d tabs: %d pages asked for at the app before, %d after; in the time of life %.0f and %.0f a minute",
		tabs, asked[0], asked[1], perMinute(0), perMinute(1))
	if asked[0] != int64(tabs*polled) {
		t.Errorf("before, the app was asked for %d pages, want each of %d", asked[0], tabs*polled)
	}
	if most := int64(len(languages)) * (int64(took[1]/usedOf) + 2); asked[1] > most {
		t.Errorf("after, the app was asked for %d pages in %v, want %d at most", asked[1], took[1], most)
	}
}

// poll has a tab begin to ask for the gallery so often.
func poll(tab *testenv.Tab, n, polled int) {
	tab.Eval(fmt.Sprintf(`(() => {
		document.cookie = "_ga=GA1.1.%d; path=/"
		document.cookie = "_ga_X%d=GS1; path=/"
		window.answered = 0
		window.finished = false
		;(async () => {
			for (let i = 0; i < %d; i++) {
				const response = await fetch("/api/v2/captures/?project_id=1&limit=20")
				answered += response.ok && (await response.json()).results.length == 20
				await new Promise(then => setTimeout(then, %d))
			}
			finished = true
		})()
		return true
	})()`, n, n, polled, polls.Milliseconds()), new(bool))
}

// TestADraftsPagesAreGone: a page that starts 1 s after its project has turned draft shows
// nothing of it, on either of two replicas that both keep the page for an hour.
func TestADraftsPagesAreGone(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	s := newSite(t, publicApp(&pages), with(func(f *config.File) { f.Responses.AnonymousPages = time.Hour }))
	stalls := testenv.WatchStalls(t)
	replicas := []*site{s, s.replica()}
	id := s.capture()
	for round := range 3 {
		shows := func(r *site) bool {
			return bytes.Contains(r.page(r.url, "project_id=1&limit=20"), fmt.Appendf(nil, `"id":%d,`, id))
		}
		for i, r := range replicas {
			s.eventually("the page is kept", func() bool {
				before := pages.Load()
				first := shows(r)
				return first && shows(r) && pages.Load() == before
			})
			if round == 0 {
				t.Logf("replica %d keeps the page", i+1)
			}
		}
		s.exec(`UPDATE main_project SET draft = true WHERE id = 1`)
		committed := time.Now()
		for i, r := range replicas {
			for {
				start := time.Now()
				if !shows(r) {
					break
				}
				if late := start.Sub(committed) - stalls.Since(committed); late > time.Second {
					t.Fatalf("replica %d shows the page of a draft, asked for %v after the commit", i+1, late)
				}
			}
		}
		s.exec(`UPDATE main_project SET draft = false WHERE id = 1`)
	}
	if !strings.Contains(string(s.page(s.url, "project_id=1")), `"results"`) {
		t.Error("the gallery is gone")
	}
}
