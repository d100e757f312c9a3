package program_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var reloads = flag.Int("reloads", 40, "how often labels are changed under load")

var small, medium, large = thumb.Spec{Label: "small", Width: 240}, thumb.Spec{Label: "medium", Width: 1024}, thumb.Spec{Label: "large", Width: 2560}

// orders of labels, between any two of which some are swapped, put in or taken away.
var orders = []thumb.Specs{
	{small, medium, large}, {large, medium, small}, {medium, large}, {small}, {large, small}, {medium, small, large}, {large}, {small, large, medium},
}

// relabelled is a replica whose file is changed while it serves.
type relabelled struct {
	*replica
	path string
	file config.File
	seen atomic.Int64 // storage URLs that it showed
}

func (s *site) serveRelabelled() *relabelled {
	s.Helper()
	r := &relabelled{path: s.writeConfig(), file: *s.file}
	r.replica = s.serveBy(exec.Command(os.Args[0]), serveVariable+"="+r.path)
	return r
}

// reload has the replica take another file, and waits until it has.
func (r *relabelled) reload(edit func(*config.File)) {
	r.Helper()
	generation := r.metric("thumbedge_config_generation")
	edit(&r.file)
	r.writeFile(r.path, &r.file)
	if err := r.process.Signal(syscall.SIGHUP); err != nil {
		r.Fatal(err)
	}
	r.eventually("the file is in force", func() bool { return r.metric("thumbedge_config_generation") > generation })
}

// TestLabelsChangeUnderLoad: labels are swapped, put in and taken away on two replicas, at
// different moments, while clients look at pages and ask for thumbnails. None is ever shown
// a URL of another label or capture, or sent to one, and no request is lost.
func TestLabelsChangeUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t, unstarted, with(func(f *config.File) { f.Responses.AnonymousPages = time.Second }))
	replicas := []*relabelled{s.serveRelabelled(), s.serveRelabelled()}
	var ids []int64
	for i := range 12 {
		id := s.capture()
		ids = append(ids, id)
		for _, spec := range orders[0] {
			s.row(id, spec.Label, spec.Width)
			if i%2 == 0 { // named by the key scheme
				s.exec(`UPDATE main_sourceimagethumbnail SET path = replace(path, '.jpg', '_00000000000000' || to_hex(16 + $2) || '.jpg')
					WHERE source_image_id = $1 AND label = $3`, id, i, spec.Label)
			}
		}
	}
	done := make(chan struct{})
	var clients sync.WaitGroup
	var answered atomic.Int64
	load := func(ask func(*relabelled, int) error) {
		for _, r := range replicas {
			clients.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					if err := ask(r, i); err != nil {
						t.Error(err)
						return
					}
					answered.Add(1)
				}
			})
		}
	}
	load(func(r *relabelled, _ int) error { return r.looksAtPage() })
	load(func(r *relabelled, _ int) error { return r.looksAtPage() })
	load(func(r *relabelled, i int) error { return r.asksFor(ids[i%len(ids)], orders[0][i%3].Label) })

	began := time.Now()
	for i := range *reloads {
		replicas[i%2].reload(func(f *config.File) { f.Thumbnails = orders[(i/2*3+i%2)%len(orders)] })
		if i%8 == 7 { // both have seen pages by what is in force
			before := answered.Load()
			s.eventually("pages are looked at", func() bool { return answered.Load() > before+40 })
		}
	}
	close(done)
	clients.Wait()
	t.Logf("%d reloads in %v, %d answers", *reloads, time.Since(began), answered.Load())
	for i, r := range replicas {
		if n := r.seen.Load(); n == 0 {
			t.Errorf("replica %d showed no storage URL: this shows nothing", i)
		}
	}
}

// looksAtPage fails where a page shows another label's URL, or another capture's.
func (r *relabelled) looksAtPage() error {
	response, body := r.get(r.url + "/api/v2/captures/?limit=12")
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a page is %s: %s", response.Status, body)
	}
	for id, labels := range r.thumbnailsOf(body) {
		for label, url := range labels {
			if strings.Contains(url, r.file.Rewrite.Route) {
				continue
			}
			r.seen.Add(1)
			if !isOf(url, id, label) {
				return fmt.Errorf("a page shows %s for %d/%s", url, id, label)
			}
		}
	}
	return nil
}

// asksFor fails where a client is sent to another label, or another capture.
func (r *relabelled) asksFor(id int64, label string) error {
	response, body := r.get(fmt.Sprintf("%s/api/v2/captures/thumbnails/%d/?label=%s", r.url, id, label))
	if location := response.Header.Get("Location"); response.StatusCode != http.StatusFound || !isOf(location, id, label) {
		return fmt.Errorf("who asks for %d/%s is answered %s, %s: %s", id, label, response.Status, location, body)
	}
	return nil
}

func isOf(url string, id int64, label string) bool {
	folder := fmt.Sprintf("/capture_%d/%s", id, label)
	return strings.Contains(url, folder+".jpg") || strings.Contains(url, folder+"_")
}

// TestRemovedLabelIsKept: a label is taken away while it is being rendered. Who asked before
// has it, and its row is written; who asks afterwards is the app's to answer.
func TestRemovedLabelIsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.capture()
	release := s.originals.hold()
	defer release()
	answer := make(chan string, 1)
	go func() { answer <- ask(s.route(id, "?label=large")) }()
	s.eventually("it is being fetched", func() bool { return s.originals.fetches() == 1 })
	if err := s.reload(func(f *config.File) { f.Thumbnails = thumb.Specs{medium, small} }); err != nil {
		t.Fatal(err)
	}
	before := s.app.Counters().Thumbnail
	later := make(chan string, 1)
	go func() { later <- ask(s.route(id, "?label=large")) }()
	s.eventually("the app is asked", func() bool { return s.app.Counters().Thumbnail == before+1 })
	release()
	row := func() string { return s.thumbnail(id, "large").path }
	if got := <-answer; !strings.HasPrefix(got, "302 ") || !isOf(got, id, "large") {
		t.Errorf("who asked before: %s", got)
	}
	if got := row(); !isOf("/"+got, id, "large") {
		t.Errorf("the row names %q", got)
	}
	<-later
	if location := s.redirected(id, "?label=small"); !isOf(location, id, "small") {
		t.Errorf("small is at %s", location)
	}
}

// TestBoundsChange: what the cold path and the caches may take follows the file.
func TestBoundsChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.capture()
	s.redirected(id, "?label=small")
	s.page(s.url, "limit=1")
	if err := s.reload(func(f *config.File) {
		f.Cache.MaxSize = 16 << 20
		f.Render.Workers, f.Render.Memory, f.Render.Queue, f.Render.Quality = 2, 64<<20, 5, 30
	}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		`thumbedge_cold_limit{resource="workers"}`: 2, `thumbedge_cold_limit{resource="memory_bytes"}`: 64 << 20, `thumbedge_cold_limit{resource="captures"}`: 7,
		`thumbedge_warmset_max_bytes`: 16 << 20,
	} {
		if got := s.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	queries := s.queries.during(func() { s.page(s.url, "limit=1") })
	if queries != 0 {
		t.Errorf("the warm set was emptied: %d queries", queries)
	}
	coarse := s.capture()
	if fine, rough := s.thumbnail(id, "small").size, sizeOf(s, coarse); rough >= fine {
		t.Errorf("at quality 30 a thumbnail has %d bytes, at 82 it had %d", rough, fine)
	}
}

func sizeOf(s *site, id int64) int64 {
	s.redirected(id, "?label=small")
	return s.thumbnail(id, "small").size
}
