package sampleapp

import (
	"slices"
	"sync"
)

// Kind says what a request was for.
type Kind uint8

// The kinds of requests that are counted. What the demo's own machinery asks
// (under /demo/) is not counted at all.
const (
	Page      Kind = iota // JSON of captures and events
	Thumbnail             // the thumbnail route, the list of it apart
	Media                 // files
	Other                 // all else, the gallery page too
)

// Counters is what has reached the app since it started, and what its workers do
// now.
type Counters struct {
	Page      int64 `json:"page"`
	Thumbnail int64 `json:"thumbnail"`
	Media     int64 `json:"media"`
	Other     int64 `json:"other"`
	// Renders are the thumbnails made inside web requests.
	Renders int64 `json:"renders"`
	// Workers are all the web workers, Busy those that serve a request now, and
	// Waiting the requests that wait for one.
	Workers int `json:"workers"`
	Busy    int `json:"busy"`
	Waiting int `json:"waiting"`
}

// watched is what the gallery follows.
type watched struct {
	Counters
	// Serving says of each worker what kind of request it serves; "": it is idle.
	Serving []string `json:"serving"`
}

// kindNames are the kinds as the counters name them.
var kindNames = [...]string{Page: "page", Thumbnail: "thumbnail", Media: "media", Other: "other"}

// recentThumbnails is how many of the last thumbnail requests are remembered, so
// that the gallery can tell which of its images asked the app.
const recentThumbnails = 4096

// tally keeps the counters, and wakes those that watch them.
type tally struct {
	mu      sync.Mutex
	now     watched
	recent  []string      // request targets of thumbnails, a ring
	next    int           // where the ring goes on
	changed chan struct{} // closed and replaced at each change
}

func newTally(workers int) *tally {
	return &tally{now: watched{Counters{Workers: workers}, make([]string, workers)}, changed: make(chan struct{})}
}

// update changes the counters under the lock.
func (t *tally) update(change func(*watched)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.now)
	close(t.changed)
	t.changed = make(chan struct{})
}

// arrived counts a request when it reaches the app, before it has a worker.
func (t *tally) arrived(kind Kind, target string) {
	t.update(func(c *watched) {
		*[]*int64{&c.Page, &c.Thumbnail, &c.Media, &c.Other}[kind]++
		c.Waiting++
		if kind != Thumbnail {
			return
		}
		if len(t.recent) < recentThumbnails {
			t.recent = append(t.recent, target)
			return
		}
		t.recent[t.next] = target
		t.next = (t.next + 1) % recentThumbnails
	})
}

// serves counts that a worker begins to serve a request, until end is called.
func (t *tally) serves(worker int, kind Kind) (end func()) {
	t.update(func(c *watched) { c.Waiting--; c.Busy++; c.Serving[worker] = kindNames[kind] })
	return func() { t.update(func(c *watched) { c.Busy--; c.Serving[worker] = "" }) }
}

// read returns what is watched, and a channel that is closed once it changes.
func (t *tally) read() (watched, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now
	now.Serving = slices.Clone(now.Serving)
	return now, t.changed
}

// thumbnails returns the remembered thumbnail requests that match.
func (t *tally) thumbnails(match func(target string) bool) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := []string{}
	for _, target := range slices.Concat(t.recent[t.next:], t.recent[:t.next]) {
		if match(target) {
			found = append(found, target)
		}
	}
	return found
}

// Counters returns what has reached the app so far.
func (a *App) Counters() Counters {
	now, _ := a.tally.read()
	return now.Counters
}
