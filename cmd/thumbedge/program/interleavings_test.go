package program_test

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// steps lets a test act at the steps of cold thumbnails.
type steps struct {
	mu   sync.Mutex
	next map[string]func()
}

// after has do called once, when the step is over next.
func (h *steps) after(step string, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == nil {
		h.next = map[string]func(){}
	}
	h.next[step] = do
}

func (h *steps) over(step string) {
	h.mu.Lock()
	do := h.next[step]
	delete(h.next, step)
	h.mu.Unlock()
	if do != nil {
		do()
	}
}

// versions are times of an original, as clocks have them that differ from the
// database's by 5 s either way, cut to whole seconds as S3's are, or not.
func (s *site) versions() (all []time.Time) {
	now := one[time.Time](s, `SELECT clock_timestamp()`)
	for _, skew := range []time.Duration{-5 * time.Second, 0, 5 * time.Second} {
		all = append(all, now.Add(skew), now.Add(skew).Truncate(time.Second))
	}
	return all
}

// replaceOriginal makes the capture's original another photo, whose thumbnail is
// height pixels high, at a later time.
func (s *site) replaceOriginal(capture int64, height int, modified time.Time) {
	s.Helper()
	s.originals.set(photo(s.T, 480, 2*height))
	s.exec(`UPDATE main_sourceimage SET last_modified = $2 WHERE id = $1`, capture, modified)
}

// shows fails the test where the picture at a location is of another height.
func (s *site) shows(location string, height int) {
	s.Helper()
	picture, err := jpeg.DecodeConfig(bytes.NewReader(s.fetch(location)))
	if err != nil || picture.Height != height {
		s.Errorf("%s is a picture %d pixels high (%v), want %d", location, picture.Height, err, height)
	}
}

// toDelete returns the paths that are recorded for deletion.
func (s *site) toDelete() []string {
	s.Helper()
	return one[[]string](s, `SELECT coalesce(array_agg(path), '{}') FROM thumbedge.file_to_delete`)
}

// An original that is replaced during the render leaves a row of the version that
// was read before the fetch: stale at once, and healed by one request, whatever the
// clocks say.
func TestOriginalReplacedDuringTheRender(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, version := range s.versions() {
		id := s.capture()
		s.replaceOriginal(id, 100, version)
		later := version.Add(time.Second)
		s.steps.after("fetched", func() { s.replaceOriginal(id, 150, later) })
		old := s.redirected(id, "?label=small")
		s.shows(old, 100)
		if row := s.thumbnail(id, "small"); !row.modified.Equal(version.Truncate(time.Microsecond)) {
			t.Errorf("version %v: the row is of %v", version, row.modified)
		}
		s.eventually("the next request heals it", func() bool { return s.redirected(id, "?label=small") != old })
		healed := s.thumbnail(id, "small")
		s.shows("/media/"+healed.path, 150)
		if !healed.modified.Equal(later.Truncate(time.Microsecond)) {
			t.Errorf("version %v: the healed row is of %v", version, healed.modified)
		}
		if s.redirected(id, "?label=small"); s.thumbnail(id, "small").path != healed.path {
			t.Errorf("version %v: rendered again", version)
		}
	}
	if captures, n := len(s.versions()), s.originals.fetches(); n != 2*captures {
		t.Errorf("%d fetches of %d originals with two versions each", n, captures)
	}
}

// Two replicas render different versions of one original and finish in either order:
// the later version's row stays, both clients get its file or one that was right when
// they asked, and the other file is recorded for deletion.
func TestTwoVersionsFinishInEitherOrder(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"the older one last", "the newer one last"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			newer := s.another(nil)
			for _, version := range s.versions() {
				s.exec(`DELETE FROM thumbedge.file_to_delete`)
				id := s.capture()
				s.replaceOriginal(id, 100, version)
				stored, goOn := make(chan struct{}), make(chan struct{})
				s.steps.after("stored", func() { close(stored); <-goOn })
				var first string
				var client sync.WaitGroup
				client.Go(func() { first = s.redirected(id, "?label=small") })
				<-stored
				s.replaceOriginal(id, 150, version.Add(time.Second))
				s.exec(`UPDATE thumbedge.lease SET holder = 'nobody', until = clock_timestamp()`) // as if it had lapsed
				finishFirst := func() { close(goOn); client.Wait() }
				if order == "the newer one last" {
					newer.steps.after("stored", finishFirst)
				}
				second := newer.redirected(id, "?label=small")
				if order == "the older one last" {
					finishFirst()
				}
				row := s.thumbnail(id, "small")
				s.shows(second, 150)
				if !strings.HasSuffix(second, row.path) || !row.modified.Equal(version.Add(time.Second).Truncate(time.Microsecond)) {
					t.Errorf("version %v: the newer one's client is sent to %s, the row is %+v", version, second, row)
				}
				if order == "the older one last" && first != second {
					t.Errorf("version %v: the older one's client is sent to %s, not to %s", version, first, second)
				}
				if left := s.toDelete(); len(left) != 1 || left[0] == row.path {
					t.Errorf("version %v: recorded for deletion are %v, the row names %s", version, left, row.path)
				}
			}
		})
	}
}

func TestCaptureDeletedDuringTheRender(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, step := range []string{"leased", "fetched", "rendered", "recorded", "stored"} {
		s.exec(`DELETE FROM thumbedge.file_to_delete`)
		id := s.capture()
		s.steps.after(step, func() { s.exec(`DELETE FROM main_sourceimage WHERE id = $1`, id) })
		response, body := s.get(s.route(id, "?label=small"))
		if response.StatusCode != http.StatusNotFound || !bytes.Contains(body, []byte(`"detail"`)) {
			t.Errorf("deleted after %s: %s %s", step, response.Status, body)
		}
		left := s.toDelete()
		if len(left) != 1 || !strings.HasPrefix(left[0], fmt.Sprintf("thumbnails/capture_%d/", id)) {
			t.Errorf("deleted after %s: recorded for deletion are %v", step, left)
			continue
		}
		s.fetch("/media/" + left[0]) // it is there, for the sweep
	}
	if rows := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`); rows != 0 {
		t.Errorf("%d rows are left", rows)
	}
}

// Two replicas with different widths for one label, as during a rolling restart: each
// is asked in turn, and the capture is rendered once; once more when the row has
// grown old; and not in turns.
func TestTwoConfigurationsSettle(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.another(func(f *config.File) { f.Thumbnails[0].Width = 320 })
	id := s.capture()
	askInTurns := func() {
		for range 5 {
			s.fetch(s.redirected(id, "?label=small"))
			s.fetch(other.redirected(id, "?label=small"))
		}
	}
	askInTurns()
	if n, row := s.originals.fetches(), s.thumbnail(id, "small"); n != 1 || row.width != 240 {
		t.Errorf("%d fetches, and the row is %d wide; want 1, and 240", n, row.width)
	}
	s.exec(`UPDATE main_sourceimagethumbnail SET updated_at = updated_at - interval '61 s'`)
	other.redirected(id, "?label=small")
	askInTurns()
	if n, row := s.originals.fetches(), s.thumbnail(id, "small"); n != 2 || row.width != 320 {
		t.Errorf("a minute later: %d fetches, and the row is %d wide; want 2, and 320", n, row.width)
	}
}
