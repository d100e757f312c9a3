package program_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// soakVariable lengthens the soak: THUMBEDGE_SOAK=10m.
const soakVariable = "THUMBEDGE_SOAK"

// soakMemory is what thumbedge may take, by the sum in the runbook ("Size it"); the
// race detector takes about as much again.
func soakMemory(f *config.File) int64 {
	sum := f.Memory()
	if raceDetector() {
		sum *= 2
	}
	return sum
}

func raceDetector() bool {
	build, _ := debug.ReadBuildInfo()
	return slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// soak is a site under random requests and faults.
type soak struct {
	*site
	replica *replica
	odd     string // URL of a server of originals that cannot be rendered, and of a huge one
	links   []*testenv.FaultyLink
	mu      sync.Mutex
	ids     []int64 // of captures with a good original
	// What came, for the log.
	redirects, answers atomic.Int64
}

// TestSoak: cold, warm, stale, broken and huge thumbnails are asked for at random
// while the database, the storage and the originals fail at random. Every redirect
// leads to a file, every row has one, memory stays within its bounds, and when it is
// over all captures have their thumbnails, and goroutines and connections are gone.
func TestSoak(t *testing.T) {
	length, clients := 8*time.Second, 16
	if text := os.Getenv(soakVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", soakVariable, err)
		}
		clients = 64
	}
	s := newSoak(t)
	s.redirected(s.newCapture(), "?label=small") // connects to everything
	goroutines, files := s.replica.metric("go_goroutines"), s.replica.metric("process_open_fds")

	soaking, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	var working sync.WaitGroup
	for range clients {
		working.Go(func() {
			for soaking.Err() == nil {
				s.step()
			}
		})
	}
	working.Go(func() { s.breakThings(soaking) })
	working.Wait()
	most, allowed := s.replica.mostResident(), soakMemory(s.file)
	if most > allowed {
		t.Errorf("%d MiB were resident, want %d at most", most>>20, allowed>>20)
	}
	s.heals()
	s.everyRowHasItsFile()
	s.settles(goroutines, files)
	t.Logf("%d answers, %d redirects to files, %d captures; %d MiB resident at most, of %d; %d goroutines and %d open files after %d and %d",
		s.answers.Load(), s.redirects.Load(), len(s.ids), most>>20, allowed>>20,
		s.replica.metric("go_goroutines"), s.replica.metric("process_open_fds"), goroutines, files)
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{odd: serveOddOriginals(t)}
	s.site = newSite(t, onS3, unstarted, func(site *site) {
		site.file.Storage.PublicBaseURL = site.bucket.Endpoint + "/" + site.bucket.Name
		for _, address := range []*string{&site.file.Database.URL, &site.file.Storage.Endpoint, &site.originals.URL} {
			s.links = append(s.links, throughLink(site, address))
		}
		// The app's own thumbnails lie elsewhere than thumbedge's, unlike in production.
		busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/api/v2/captures/thumbnails/") {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			site.app.Handler().ServeHTTP(w, r)
		}))
		t.Cleanup(busy.Close)
		site.file.Upstream.URL = busy.URL
	}, with(promptly), with(func(f *config.File) {
		f.Render.Memory, f.Source.MaxBytes, f.Cache.MaxSize, f.Rewrite.Memory = 64<<20, 8<<20, 16<<20, 16<<20
		f.Source.RetryAfter, f.Render.MaxWait = time.Second, 5*time.Second
		f.Database.MaxConns = 8
	}))
	s.replica = s.serve()
	s.url = s.replica.url
	return s
}

// serveOddOriginals serves /broken/, /bomb/ and /large/, whatever comes behind.
func serveOddOriginals(t *testing.T) string {
	t.Helper()
	photos := map[string][]byte{}
	for kind, file := range map[string]string{"broken": "bad/half.jpg", "bomb": "bad/bomb_60000x60000.png", "large": "night_24mp_6000x4000.jpg"} {
		content, err := os.ReadFile(filepath.Join("../../../imaging/render/testdata/photos", file))
		if err != nil {
			t.Fatal(err)
		}
		photos[kind] = content
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(photos[strings.Split(r.URL.Path, "/")[1]])
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// newCapture adds a capture that can be rendered.
func (s *soak) newCapture() int64 {
	id := s.capture()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
	return id
}

// oddCapture adds one that cannot, or only just.
func (s *soak) oddCapture(kind string) int64 {
	id := s.capture()
	s.exec(`UPDATE main_sourceimage SET public_base_url = $2, path = $3 || '/' || path WHERE id = $1`, id, s.odd+"/", kind)
	return id
}

// step is one client's next request.
func (s *soak) step() {
	label := []string{"small", "medium"}[rand.N(2)]
	switch n := rand.N(100); {
	case n < 15: // cold
		s.ask(s.newCapture(), label)
	case n < 25: // stale
		id := s.known()
		s.exec(`UPDATE main_sourceimage SET last_modified = clock_timestamp() WHERE id = $1`, id)
		s.ask(id, label)
	case n < 29:
		s.ask(s.oddCapture("broken"), label)
	case n < 33:
		s.ask(s.oddCapture("bomb"), label)
	case n < 34:
		s.ask(s.oddCapture("large"), label)
	case n < 40:
		s.page(s.url, "?limit=10")
		s.answers.Add(1)
	default: // warm, mostly
		s.ask(s.known(), label)
	}
}

func (s *soak) known() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[rand.N(len(s.ids))]
}

// ask asks for a thumbnail; where it leads must be there.
func (s *soak) ask(id int64, label string) (redirected bool) {
	response, body := s.get(s.route(id, "?label="+label))
	s.answers.Add(1)
	switch response.StatusCode {
	case http.StatusFound:
		if file := s.fetch(response.Header.Get("Location")); !bytes.HasPrefix(file, []byte("\xff\xd8")) {
			s.Errorf("capture %d: %s is no JPEG", id, response.Header.Get("Location"))
		}
		s.redirects.Add(1)
		return true
	case http.StatusOK:
		if !bytes.HasPrefix(body, []byte("\xff\xd8")) {
			s.Errorf("capture %d: a picture that is no JPEG", id)
		}
	case http.StatusUnprocessableEntity, http.StatusBadGateway, http.StatusServiceUnavailable:
	default:
		s.Errorf("capture %d: %s %.200s", id, response.Status, body)
	}
	return false
}

// breakThings breaks one link after another, each in some way for a moment.
func (s *soak) breakThings(ctx context.Context) {
	moment := func() {
		select {
		case <-time.After(200*time.Millisecond + rand.N(600*time.Millisecond)):
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		link := s.links[rand.N(len(s.links))]
		switch rand.N(4) {
		case 0:
			link.Down()
		case 1:
			link.Set(testenv.Fault{Type: "latency", Attributes: map[string]int{"latency": 200, "jitter": 200}})
		case 2:
			link.Set(testenv.Fault{Type: "timeout", Attributes: map[string]int{"timeout": 0}})
		case 3:
			link.Set(testenv.Fault{Type: "reset_peer", Attributes: map[string]int{"timeout": 100}})
		}
		moment()
		link.Up()
		link.Set()
		moment()
	}
}

// heals: with everything back, every capture comes to have its thumbnail.
func (s *soak) heals() {
	s.Helper()
	var healing errgroup.Group
	healing.SetLimit(8)
	for _, id := range s.ids {
		healing.Go(func() error {
			s.eventually("capture "+strconv.FormatInt(id, 10)+" has its thumbnail", func() bool { return s.ask(id, "small") })
			return nil
		})
	}
	_ = healing.Wait()
}

func (s *soak) everyRowHasItsFile() {
	s.Helper()
	paths := one[[]string](s.site, `SELECT coalesce(array_agg(path), '{}') FROM main_sourceimagethumbnail`)
	for _, path := range paths {
		s.fetch(s.file.Storage.PublicBaseURL + "/" + s.file.Storage.Location + path)
	}
}

// settles: nothing is left running or open but what idles by design: the pool's
// connections, and a few goroutines of the runtime's own.
func (s *soak) settles(goroutines, files int64) {
	s.Helper()
	for _, link := range s.links { // idle connections are kept for a minute or more
		link.Down()
		link.Up()
	}
	slack := int64(s.file.Database.MaxConns)
	s.eventually("goroutines and connections are gone", func() bool {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		return s.replica.metric("go_goroutines") <= goroutines+slack && s.replica.metric("process_open_fds") <= files+slack
	})
}
