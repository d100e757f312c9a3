package program_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestUsersAreNotCollapsed: two users who ask for one URL at the same time both reach the
// app, also where it was storable before, and each gets what is theirs.
func TestUsersAreNotCollapsed(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	for n, users := range [][2]string{
		{"Cookie: session=evil-1", "Cookie: session=evil-2"},
		{"Authorization: Token evil-1", "Authorization: Token evil-2"},
		{"Cookie: session=evil-1", "Authorization: Token evil-2"},
		{"Cookie: session=evil-1", "Accept: evil-2"},
	} {
		path := fmt.Sprintf("/users/x%dx", n)
		storable, together := true, make(chan struct{}, 2)
		both := sync.OnceFunc(func() { close(together) })
		var arrived atomic.Int64
		app.answers(path, func(w http.ResponseWriter, told string, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=0")
			if storable {
				w.Header().Set("Cache-Control", "max-age=60")
				w.Header().Set("Vary", "Accept")
			}
			if strings.Contains(told, evil) {
				if arrived.Add(1) == 2 {
					both()
				}
				<-together
			}
			reflect(w, told)
		})
		app.isKept(t, s, path)
		answers := make([]answer, 2)
		var clients sync.WaitGroup
		for i, lines := range users {
			clients.Go(func() { answers[i] = s.ask("GET "+path+" HTTP/1.1\nHost: gallery.test\n"+lines+"\n", "") })
		}
		clients.Wait()
		for i, a := range answers {
			mine, other := fmt.Sprintf("evil-%d", i+1), fmt.Sprintf("evil-%d", 2-i)
			if !a.has(mine) || a.has(other) {
				t.Errorf("%q gets %d %s", users[i], a.status, a.body)
			}
		}
		if a := s.plain(path); a.has(evil) {
			t.Errorf("others get %s", a.body)
		}
	}
}

// TestLongPollsAreNotCollapsed: two clients that wait on one URL for what is never stored
// are at the app at the same time.
func TestLongPollsAreNotCollapsed(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	together := make(chan struct{})
	var arrived atomic.Int64
	app.answers("/poll", func(w http.ResponseWriter, told string, _ *http.Request) {
		if arrived.Add(1) == 2 {
			close(together)
		}
		<-together // one that came alone would wait for good
		w.Header().Set("Cache-Control", "no-store")
		reflect(w, told)
	})
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			if a := s.plain("/poll"); a.status != http.StatusOK {
				t.Errorf("a long poll gets %d", a.status)
			}
		})
	}
	clients.Wait()
}

// TestTwoHundredMissesAreOne: clients that ask at the same time for what was storable last
// time cost the app one request.
func TestTwoHundredMissesAreOne(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	release := make(chan struct{})
	var asked, stored atomic.Int64
	app.answers("/many", func(w http.ResponseWriter, told string, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Cache-Control", "max-age=1")
			w.Header().Set("Age", "1") // storable, and over at once
			w.Header().Set("ETag", `"v1"`)
		} else {
			<-release
			w.Header().Set("Cache-Control", "max-age=60")
			stored.Add(1)
		}
		reflect(w, told)
	})
	s.plain("/many")
	var clients sync.WaitGroup
	for range 200 {
		clients.Go(func() {
			if a := s.plain("/many"); a.status != http.StatusOK || a.has("if-none-match") && stored.Load() == 0 {
				t.Errorf("a client gets %d %s", a.status, a.body)
			}
		})
	}
	s.eventually("the app is asked", func() bool { return asked.Load() >= 2 })
	close(release)
	clients.Wait()
	if n := asked.Load() - 1; n != 1 {
		t.Errorf("200 clients cost the app %d requests, want 1", n)
	}
}
