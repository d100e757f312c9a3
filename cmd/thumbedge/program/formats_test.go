package program_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// withPillow lets the app render with Pillow, as the real one does.
func withPillow(s *site) { s.render = testenv.Pillow }

// appsFormat is an original that only the app can render.
func appsFormat(t *testing.T) []byte {
	return testenv.PillowPhoto(t, "TIFF", "RGB", "compression=jpeg")
}

// A gallery of originals that only the app's renderer can decode comes up whole, as with
// the app alone: they wait for one of upstream.max_fallbacks places. What the app made
// is warm from then on.
func TestGalleryThatOnlyTheAppRenders(t *testing.T) {
	t.Parallel()
	s := newSite(t, withPillow, with(func(f *config.File) { f.Render.MaxWait = time.Minute }))
	s.originals.set(appsFormat(t))
	var atApp, most atomic.Int64
	pillow := s.render
	s.render = func(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
		now := atApp.Add(1)
		defer atApp.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		return pillow(ctx, original, spec)
	}
	ids := s.captures(20)
	view := func() {
		var images sync.WaitGroup
		for _, id := range ids {
			images.Go(func() {
				response, body := s.get(s.route(id, "?label=medium"))
				if response.StatusCode != http.StatusFound {
					t.Errorf("capture %d: %s %s", id, response.Status, body)
					return
				}
				if jpeg := s.fetch(response.Header.Get("Location")); !strings.HasPrefix(string(jpeg), "\xff\xd8\xff") {
					t.Errorf("capture %d: %.20q is no JPEG", id, jpeg)
				}
			})
		}
		images.Wait()
	}
	view()
	if n := most.Load(); n > int64(s.file.Upstream.MaxFallbacks) {
		t.Errorf("the app rendered %d at once, upstream.max_fallbacks is %d", n, s.file.Upstream.MaxFallbacks)
	}
	if n := s.app.Counters().Renders; n != 20 {
		t.Errorf("the app rendered %d times", n)
	}
	s.eventually("the page names what the app made", func() bool {
		for _, thumbnails := range s.thumbnailsOf(s.page(s.url, "limit=20")) {
			if strings.Contains(thumbnails["medium"], "/captures/thumbnails/") {
				return false
			}
		}
		return true
	})
	asked, fetched := s.app.Counters().Thumbnail, s.originals.fetches()
	view()
	if n := s.app.Counters().Thumbnail - asked; n != 0 {
		t.Errorf("%d requests reached the app for thumbnails that it has made", n)
	}
	if n := s.originals.fetches() - fetched; n != 0 {
		t.Errorf("%d originals were fetched again", n)
	}
}

// A prefetch never makes the app render.
func TestPrefetchLeavesFormatsToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	s := newSite(t, withPillow, with(func(f *config.File) { f.Rewrite.Prefetch.SetPlain([]string{"small", "medium"}) }))
	s.originals.set(appsFormat(t))
	ids := s.captures(5)
	for range 3 {
		s.page(s.url, "limit=5")
	}
	s.eventually("the prefetches have seen all originals", func() bool {
		return s.originals.fetches() == 5 && s.log.count("original is left to the app") == 5
	})
	if n := s.app.Counters().Thumbnail; n != 0 {
		t.Errorf("%d prefetches reached the app", n)
	}
	if location := s.redirected(ids[0], "?label=medium"); location == "" {
		t.Error("a client that asks gets nothing")
	}
	if n := s.originals.fetches(); n != 6 { // by the app, once
		t.Errorf("%d originals were fetched, want 6", n)
	}
}

// A failure of the app's, during a deploy say, is no hole for ever, and while it is
// remembered the app is left in peace.
func TestAppThatFailsAtAFormatIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, withPillow, with(func(f *config.File) { f.Source.RetryAfter = time.Second }))
	s.originals.set(appsFormat(t))
	pillow := s.render
	var deploying atomic.Bool
	s.render = func(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
		if deploying.Load() {
			return render.Picture{}, errors.New("being deployed")
		}
		return pillow(ctx, original, spec)
	}
	deploying.Store(true)
	id := s.capture()
	if response, _ := s.get(s.route(id, "?label=medium")); response.StatusCode != http.StatusInternalServerError {
		t.Errorf("the app's failure came as %s", response.Status)
	}
	asked := s.app.Counters().Thumbnail
	if response, _ := s.get(s.route(id, "?label=medium")); response.StatusCode != http.StatusBadGateway || s.app.Counters().Thumbnail != asked {
		t.Errorf("a moment later: %s, and the app was asked %d times", response.Status, s.app.Counters().Thumbnail-asked)
	}
	deploying.Store(false)
	s.eventually("the thumbnail is there", func() bool {
		response, _ := s.get(s.route(id, "?label=medium"))
		return response.StatusCode == http.StatusFound
	})
}

// A label that cannot be made sends the client to a wider one that is there, and never
// to a narrower one; nobody is sent to an original that is no image.
func TestFailedLabelFallsBackToAWiderOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.capture()
	medium := s.redirected(id, "?label=medium")
	s.originals.Close()
	response, _ := s.get(s.route(id, "?label=small"))
	if response.StatusCode != http.StatusFound || response.Header.Get("Location") != medium || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("small: %s to %q (%s), want medium's %q", response.Status, response.Header.Get("Location"), response.Header.Get("Cache-Control"), medium)
	}
	if response, _ := s.get(s.route(id, "?label=large")); response.StatusCode != http.StatusBadGateway {
		t.Errorf("large: %s to %q, want an error", response.Status, response.Header.Get("Location"))
	}

	for name, content := range map[string]string{"photos.zip": "PK\x03\x04\x14\x00\x00\x00", "cut_off.jpg": "\xff\xd8\xff\xe0\x00\x10JFIF"} {
		if err := os.WriteFile(filepath.Join(s.file.Storage.Root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		own := s.capture()
		s.exec(`UPDATE main_sourceimage SET public_base_url = '/media/', path = $2 WHERE id = $1`, own, name)
		response, _ := s.get(s.route(own, "?label=small"))
		location := response.Header.Get("Location")
		if zip := name == "photos.zip"; zip != (location == "") || zip != (response.StatusCode == http.StatusUnprocessableEntity) {
			t.Errorf("%s: %s, to %q", name, response.Status, location)
		}
	}
}
