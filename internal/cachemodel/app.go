package cachemodel

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// known are the request headers that the model knows.
var known = []string{"Cookie", "Authorization", "X-Variant", "Accept-Language", "Cache-Control", "Pragma", "If-None-Match", "Range"}

// requestHeader has the number of the client's request.
const requestHeader = "X-Request"

// App answers at random. It is served once for each replica, so that it knows who asks.
type App struct {
	model *Model

	mu    sync.Mutex
	rnd   *rand.Rand
	shown map[string]*Representation // by whom, and what for
	tags  int
}

// Handler serves the app to one replica.
func (a *App) Handler(replica int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, replica) })
}

func (a *App) serve(w http.ResponseWriter, r *http.Request, replica int) {
	e := &Exchange{
		Replica: replica, Key: r.Host + r.RequestURI, Method: r.Method, Headers: headersOf(r.Header), Arrived: a.model.now(),
		Policy: Policy{MaxAge: -1, SMaxAge: -1, Expires: -1, CDNMaxAge: -1},
	}
	e.Request, _ = strconv.Atoi(r.Header.Get(requestHeader))
	a.model.add(e)
	pause, cut, length := a.decide(e, r)
	time.Sleep(pause)
	now := time.Now().UTC()
	w.Header().Set("X-Exchange", strconv.Itoa(e.Number))
	w.Header().Set("Date", now.Format(http.TimeFormat))
	e.Policy.write(w.Header(), now)
	if e.Shows != nil {
		w.Header().Set("ETag", e.Shows.Tag)
	}
	if strings.HasPrefix(r.URL.Path, pages) {
		w.Header().Set("Content-Type", "application/json")
	} else {
		w.Header().Set("Content-Type", "text/plain")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && e.Status < 400 {
		w.Header().Set("Content-Location", r.RequestURI)
	}
	e.Broken = cut
	a.model.answered(e)
	if e.Shows == nil || e.Status == http.StatusNotModified {
		w.WriteHeader(e.Status)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(e.Status)
	if cut {
		_, _ = w.Write([]byte(e.Shows.Body[:length/2]))
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write([]byte(e.Shows.Body))
}

func headersOf(h http.Header) map[string]string {
	headers := map[string]string{}
	for _, name := range known {
		if values := h.Values(name); len(values) > 0 {
			headers[name] = strings.Join(values, ", ")
		}
	}
	return headers
}

// decide makes up the answer.
func (a *App) decide(e *Exchange, r *http.Request) (pause time.Duration, cut bool, length int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pause = time.Duration(a.rnd.IntN(12)) * time.Millisecond
	e.Policy = a.policy(r.URL.Path)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		e.Status = []int{200, 204, 303, 400, 500}[a.rnd.IntN(5)]
		if e.Status < 400 { // what it shows is another from now on
			for key := range a.shown {
				if strings.HasPrefix(key, e.Key+" ") {
					delete(a.shown, key)
				}
			}
		}
		return pause, false, 0
	}
	e.Status = 200
	if n := a.rnd.IntN(40); n < 3 {
		e.Status = []int{404, 410, 503}[n]
	}
	e.Shows = a.show(e)
	if tag := e.Headers["If-None-Match"]; e.Status == 200 && tag != "" && strings.Contains(tag, e.Shows.Tag) {
		e.Status = http.StatusNotModified
		return pause, false, 0
	}
	return pause, r.Method == http.MethodGet && a.rnd.IntN(40) == 0, len(e.Shows.Body)
}

// show returns what the app shows to this request: something else for each user, and for
// each value of what the answer varies by.
func (a *App) show(e *Exchange) *Representation {
	for_ := e.Headers["Authorization"] + "/" + e.Headers["Cookie"]
	for _, name := range e.Policy.Vary {
		for_ += "/" + e.Headers[name]
	}
	key := fmt.Sprint(e.Key, " ", e.Status, " ", e.Policy.Vary, " ", for_)
	shown := a.shown[key]
	if shown == nil || a.rnd.IntN(10) == 0 {
		a.tags++
		text := fmt.Sprintf(`{"shows": %q, "version": %d, "padding": %q}`, key, a.tags, strings.Repeat("x", a.rnd.IntN(3000)))
		shown = &Representation{Tag: fmt.Sprintf(`"%d"`, a.tags), Body: text}
		a.shown[key] = shown
	}
	return shown
}

// policy makes up what an answer says to caches. Which headers say it depends on the path
// alone, so that a 304 never leaves half of what an older answer said.
func (a *App) policy(path string) Policy {
	p := Policy{MaxAge: -1, SMaxAge: -1, Expires: -1, CDNMaxAge: -1}
	kind := strings.Trim(strings.TrimPrefix(path, pages), "/")
	kind, _, _ = strings.Cut(kind, "/")
	if a.rnd.IntN(16) == 0 {
		p.SetsCookie = true
	}
	if strings.Contains(path, "vary") {
		p.Vary = [][]string{{"X-Variant"}, {"Accept-Language"}, {"X-Variant", "Accept-Language"}}[len(path)%3]
	}
	switch kind {
	case "silent":
		return p
	case "expires":
		p.Expires = a.rnd.IntN(4)
		return p
	case "cdn":
		p.CDNMaxAge, p.NoStore = a.rnd.IntN(4), false
		p.MaxAge = 0
		return p
	}
	p.MaxAge = a.rnd.IntN(4)
	switch a.rnd.IntN(16) {
	case 0:
		p.Private = true
	case 1:
		p.NoStore = true
	case 2:
		p.NoCache = true
	case 3, 4:
		p.MustRevalidate = true
	case 5:
		p.ProxyRevalidate = true
	case 6, 7:
		p.StaleWhile = 1 + a.rnd.IntN(2)
	case 8:
		p.StaleIfError = 1 + a.rnd.IntN(3)
	case 9:
		p.SMaxAge = a.rnd.IntN(3)
	}
	p.Public = a.rnd.IntN(4) == 0
	if a.rnd.IntN(8) == 0 {
		p.Age = 1 + a.rnd.IntN(2)
	}
	if a.rnd.IntN(24) == 0 {
		p.Vary = []string{"*"}
	}
	return p
}

// write writes the headers that say a policy.
func (p *Policy) write(h http.Header, now time.Time) {
	if p.CDNMaxAge >= 0 {
		h.Set("CDN-Cache-Control", "max-age="+strconv.Itoa(p.CDNMaxAge))
	}
	if p.Expires >= 0 {
		h.Set("Expires", now.Add(time.Duration(p.Expires)*time.Second).Format(http.TimeFormat))
	}
	var directives []string
	for directive, said := range map[string]bool{
		"public": p.Public, "private": p.Private, "no-store": p.NoStore, "no-cache": p.NoCache,
		"must-revalidate": p.MustRevalidate, "proxy-revalidate": p.ProxyRevalidate,
	} {
		if said {
			directives = append(directives, directive)
		}
	}
	for directive, seconds := range map[string]int{"max-age": p.MaxAge, "s-maxage": p.SMaxAge, "stale-while-revalidate": p.StaleWhile - 1, "stale-if-error": p.StaleIfError - 1} {
		if strings.HasPrefix(directive, "stale") && seconds >= 0 {
			seconds++
		}
		if seconds >= 0 {
			directives = append(directives, directive+"="+strconv.Itoa(seconds))
		}
	}
	if directives != nil {
		h.Set("Cache-Control", strings.Join(directives, ", "))
	}
	if p.Vary != nil {
		h.Set("Vary", strings.Join(p.Vary, ", "))
	}
	if p.Age > 0 {
		h.Set("Age", strconv.Itoa(p.Age))
	}
	if p.SetsCookie {
		h.Set("Set-Cookie", "session=someone")
	}
}
