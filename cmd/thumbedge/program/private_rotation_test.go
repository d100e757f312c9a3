package program_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/overlay"
)

// wallClockVariable names, in the environment of a process that clocked built, the file that
// says by how many seconds the clock is off by which it signs and verifies.
const wallClockVariable = "THUMBEDGE_TEST_WALL_CLOCK"

const wallClockSource = `package proxy

import (
	"os"
	"strconv"
	"time"
)

func wallNow() time.Time {
	text, _ := os.ReadFile(os.Getenv("` + wallClockVariable + `"))
	seconds, _ := strconv.Atoi(string(text))
	return time.Now().Add(time.Duration(seconds) * time.Second)
}

func wallUntil(t time.Time) time.Duration { return t.Sub(wallNow()) }
`

// clocked builds thumbedge with a clock of its own for what signs and verifies. All that
// looks at an expiry is in these files.
func clocked(t *testing.T) (binary string) {
	t.Helper()
	const root = "../../.."
	files := overlay.Files{"proxy/wall_clock.go": []byte(wallClockSource)}
	for name, looks := range map[string]int{"signed.go": 2, "page_fill.go": 1, "page_send.go": 1, "thumbnails.go": 1, "thumbnails_private.go": 1} {
		source, err := os.ReadFile(filepath.Join(root, "proxy", name))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(source, []byte("time.Now()")) + bytes.Count(source, []byte("time.Until(")); n != looks {
			t.Fatalf("%s looks at the clock %d times, want %d", name, n, looks)
		}
		source = bytes.ReplaceAll(source, []byte("time.Now()"), []byte("wallNow()"))
		source = bytes.ReplaceAll(source, []byte("time.Until("), []byte("wallUntil("))
		files["proxy/"+name] = append(source, "\nvar _ time.Time\n"...)
	}
	return overlay.Build(t, root, files)
}

// rotating is a process of thumbedge whose keys are changed by starting it anew.
type rotating struct {
	*site   // whose url is the process's
	binary  string
	clock   string // file of its clock's offset
	replica *replica
}

// newRotating makes a place for such processes.
func newRotating(s *site, binary string) *rotating {
	at, file := *s, *s.file
	at.file = &file
	return &rotating{site: &at, binary: binary, clock: filepath.Join(s.TempDir(), "clock")}
}

// shows sets the process's clock to a moment.
func (r *rotating) shows(moment time.Time) {
	r.Helper()
	if err := os.WriteFile(r.clock, []byte(strconv.FormatInt(moment.Unix()-time.Now().Unix(), 10)), 0o600); err != nil {
		r.Fatal(err)
	}
}

// hasKeys starts it anew with keys, and returns when it signs.
func (r *rotating) hasKeys(keys []string) {
	r.Helper()
	if r.replica != nil {
		r.replica.kill()
	}
	r.file.Signing.Keys = keys
	r.replica = r.serveBy(exec.Command(r.binary, "serve", "--config", r.writeConfig()), wallClockVariable+"="+r.clock)
	r.url = r.replica.url
	r.eventually("it signs", func() bool {
		_, body := r.as(owner, draftList)
		return bytes.Contains([]byte(body), []byte("&signature="))
	})
}

// shown is a signed URL of a page, as a path.
type shown struct {
	target string
	from   string // which process showed it
	until  time.Time
}

// page returns the URLs of the owner's page.
func (r *rotating) page(name string) (all []shown) {
	r.Helper()
	for _, labels := range r.signedLabels(owner) {
		for _, target := range labels {
			u, err := url.Parse(target)
			if err != nil {
				r.Fatal(err)
			}
			seconds, err := strconv.ParseInt(u.Query().Get("expires"), 10, 64)
			if err != nil {
				r.Fatal(err)
			}
			all = append(all, shown{target, name, time.Unix(seconds, 0)})
		}
	}
	if len(all) != 6 {
		r.Fatalf("the page shows %d images, want 6", len(all))
	}
	return all
}

// gives fails unless the process gives a picture for a URL, or, where it is no permission
// any more, none.
func (r *rotating) gives(what string, image shown, picture bool) {
	r.Helper()
	response, _ := r.get(r.url + image.target)
	want := http.StatusUnauthorized
	if picture {
		want = http.StatusOK
	}
	if response.StatusCode != want {
		r.Errorf("%s, a URL from %s until %v: %s, want %d", what, image.from, image.until, response.Status, want)
	}
}

// TestRotationOnTwoProcesses: keys are appended, moved to the front and dropped on one
// process after the other, whose clocks are 5 s apart, just where the expiry of what they
// sign turns. At each step both take what either showed, then and half a lifetime earlier,
// for as long as it lives. What the dropped key signed is no signature any more, even
// while its time is not over.
func TestRotationOnTwoProcesses(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, unstarted)
	s.captures(2)
	binary := clocked(t)
	one, other := newRotating(s, binary), newRotating(s, binary)
	const quantum, apart = 30 * time.Minute, 5 * time.Second // signing.lifetime is an hour
	showing := func(moment time.Time) { one.shows(moment); other.shows(moment.Add(-apart)) }

	keys := [][]string{{firstKey}, {firstKey, secondKey}, {secondKey, firstKey}, {secondKey}}
	turn := time.Now().Truncate(quantum).Add(quantum)
	began := turn
	var all []shown
	for step, mix := range [][2]int{{0, 0}, {1, 0}, {1, 1}, {2, 1}, {2, 2}, {3, 2}, {3, 3}} {
		moment := turn.Add(2 * time.Second) // and 3 s before the turn, by the other's clock
		showing(moment)
		if step == 0 || mix[0] != mix[1] {
			one.hasKeys(keys[mix[0]])
		}
		if mix[0] == mix[1] {
			other.hasKeys(keys[mix[1]])
		}
		// The clocks go on while processes start, and tests wait for their turn.
		showing(moment)
		now := append(one.page("one"), other.page("the other")...)
		if first, last := now[0].until, now[len(now)-1].until; first.Equal(last) {
			t.Fatalf("step %d: both sign until %v: their clocks are not apart", step, first)
		}
		all = append(all, now...)
		for _, at := range []time.Time{moment, moment.Add(quantum - 15*time.Second)} {
			showing(at)
			for _, image := range all {
				for name, r := range map[string]*rotating{"one": one, "the other": other} {
					clock := at
					if r == other {
						clock = at.Add(-apart)
					}
					if left := image.until.Sub(clock); left > apart || left < -apart { // not at the very end
						r.gives(fmt.Sprintf("step %d, keys %v, asked %s at %v", step, mix, name, clock), image, left > 0)
					}
				}
			}
		}
		turn = turn.Add(quantum)
	}
	// The clocks go back to when only the first key signed: a signature of it would still live.
	showing(began.Add(10 * time.Second))
	for _, image := range all[:12] {
		one.gives("the dropped key", image, false)
		other.gives("the dropped key", image, false)
	}
	for _, image := range append(one.page("one"), other.page("the other")...) {
		one.gives("the new key", image, true)
		other.gives("the new key", image, true)
	}
}
