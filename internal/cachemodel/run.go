package cachemodel

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// pages is the path of pages, of some of which the app says nothing.
const pages = "/api/v2/captures/"

// paths are what clients ask for: few, so that requests meet.
var paths = []string{
	"/static/a", "/static/b", "/static/vary", "/static/varied", "/static/a?page=2", "/expires/a", "/expires/vary", "/cdn/a",
	pages + "silent/", pages + "silent/?page=2", pages + "silent/vary/", pages + "aged/", pages + "expires/", "/silent/a",
}

// Options are the limits of a run.
type Options struct {
	Seed     uint64
	Duration time.Duration
	Clients  int
	// Anonymous is responses.anonymous_pages of the replicas.
	Anonymous time.Duration
	// UntilWrong ends the run with the first wrong answer.
	UntilWrong bool
	// Step, if it is not nil, steps the clock of a replica by so many seconds, at random
	// moments. What the app dates is a different time then, to the replica.
	Step func(replica, seconds int)
	// Replicas makes a replica of thumbedge in front of each app, and returns their URLs.
	Replicas func(apps []string) []string
}

// runner is one run.
type runner struct {
	Options
	t        testing.TB
	model    *Model
	app      *App
	servers  []*appServer
	replicas []string

	mu    sync.Mutex
	last  int // number of a request
	wrong []error
	stop  func()
}

// Result is what a run has seen.
type Result struct {
	// Wrong are the answers that the model does not allow.
	Wrong []error
	// Seen counts the others by the way that they came about.
	Seen map[string]int
}

// Run sends random requests through two replicas, while the app is restarted at times, and
// holds every answer against the model.
func Run(t testing.TB, o Options) Result {
	t.Helper()
	m := New()
	m.Anonymous, m.Pages = o.Anonymous, pages
	r := &runner{Options: o, t: t, model: m, app: &App{model: m, rnd: rand.New(rand.NewPCG(o.Seed, 0)), shown: map[string]*Representation{}}}
	var urls []string
	for replica := range 2 {
		s := &appServer{handler: r.app.Handler(replica)}
		s.listen(t, "127.0.0.1:0")
		r.servers, urls = append(r.servers, s), append(urls, "http://"+s.address)
	}
	defer func() {
		for _, s := range r.servers {
			s.server.Close()
		}
	}()
	r.replicas = o.Replicas(urls)
	ctx, stop := context.WithTimeout(t.Context(), o.Duration)
	defer stop()
	r.stop = stop
	var working sync.WaitGroup
	for n := range o.Clients {
		working.Go(func() {
			c := client{runner: r, rnd: rand.New(rand.NewPCG(o.Seed, uint64(n)+1)), tags: map[string]string{}}
			for ctx.Err() == nil {
				c.step()
			}
		})
	}
	working.Go(func() { r.restart(ctx, rand.New(rand.NewPCG(o.Seed, 1<<32))) })
	if o.Step != nil {
		working.Go(func() { r.step(ctx, rand.New(rand.NewPCG(o.Seed, 1<<33))) })
	}
	working.Wait()
	return Result{Wrong: r.wrong, Seen: m.Seen}
}

// appServer serves the app to one replica.
type appServer struct {
	handler http.Handler
	server  *http.Server
	address string
}

func (s *appServer) listen(t testing.TB, address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Errorf("the app cannot listen: %v", err)
		return
	}
	s.address = l.Addr().String()
	s.server = &http.Server{Handler: s.handler}
	go func() { _ = s.server.Serve(l) }()
}

// restart ends the app now and then, in the middle of whatever it does, and starts it again.
func (r *runner) restart(ctx context.Context, rnd *rand.Rand) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second + time.Duration(rnd.IntN(4000))*time.Millisecond):
		}
		r.model.down()
		for _, s := range r.servers {
			_ = s.server.Close()
		}
		time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
		for _, s := range r.servers {
			s.listen(r.t, s.address)
		}
		r.model.up()
	}
}

// step has the clock of one of the replicas be an hour off now and then, and right again.
func (r *runner) step(ctx context.Context, rnd *rand.Rand) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(500+rnd.IntN(1500)) * time.Millisecond):
		}
		r.Step(rnd.IntN(len(r.replicas)), 3600*(rnd.IntN(3)-1))
	}
}

// client is one of the clients.
type client struct {
	*runner
	rnd  *rand.Rand
	tags map[string]string // the last tag of each key
}

// step sends one request, and checks its answer.
func (c *client) step() {
	q := c.request()
	a := c.send(q)
	if a.Tag != "" {
		c.tags[q.Key] = a.Tag
	}
	if q.Method != http.MethodGet && q.Method != http.MethodHead && a.Status != 0 && a.Status < 400 {
		c.model.changed(q, q.Key)
	}
	if err := c.model.Check(q, a); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.wrong = append(c.wrong, fmt.Errorf("%s %s %v at replica %d got %d (exchange %d, Age %d, %s): %w",
			q.Method, q.Key, q.Headers, q.Replica, a.Status, a.Exchange, a.Age, a.Tag, err))
		if c.UntilWrong {
			c.stop()
		}
	}
	time.Sleep(time.Duration(c.rnd.ExpFloat64() * float64(4*time.Millisecond)))
}

// request makes up a request.
func (c *client) request() *Request {
	c.mu.Lock()
	c.last++
	q := &Request{Number: c.last, Replica: c.rnd.IntN(len(c.replicas)), Headers: map[string]string{}}
	c.mu.Unlock()
	q.Key = []string{"one.test", "two.test"}[c.rnd.IntN(8)/7] + paths[c.rnd.IntN(len(paths))]
	q.Method = http.MethodGet
	switch n := c.rnd.IntN(100); {
	case n < 6:
		q.Method = http.MethodHead
	case n < 8:
		q.Method = []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch}[c.rnd.IntN(4)]
	}
	set := func(percent int, name string, values ...string) {
		if c.rnd.IntN(100) < percent {
			q.Headers[name] = values[c.rnd.IntN(len(values))]
		}
	}
	set(12, "Cookie", "session=1", "session=2", ignored, ignored)
	set(6, "Authorization", "Token 1", "Token 2")
	set(20, "X-Variant", "a", "b")
	set(40, "Accept-Language", "en", "de")
	set(16, "Cache-Control", "no-cache", "no-store", "max-age=0", "max-age=1", "max-stale=1", "min-fresh=1", "only-if-cached")
	set(2, "Pragma", "no-cache")
	if tag := c.tags[q.Key]; tag != "" {
		set(8, "If-None-Match", tag, tag, `"other", `+tag)
	}
	if q.Method == http.MethodGet {
		set(4, "Range", "bytes=0-3")
	}
	return q
}

// transport leaves compression and retries to nobody.
var transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}

func (c *client) send(q *Request) *Answer {
	host, target, _ := strings.Cut(q.Key, "/")
	request, err := http.NewRequest(q.Method, c.replicas[q.Replica]+"/"+target, nil)
	if err != nil {
		panic(fmt.Sprintf("making a request: %v", err))
	}
	request.Host = host
	request.Header.Set(requestHeader, strconv.Itoa(q.Number))
	for name, value := range q.Headers {
		request.Header.Set(name, value)
	}
	a := &Answer{Age: -1}
	q.Began = c.model.now()
	response, err := transport.RoundTrip(request)
	if err != nil {
		q.Ended = c.model.now()
		return a
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	q.Ended = c.model.now()
	a.Status, a.Body, a.Broken, a.Tag = response.StatusCode, string(body), err != nil, response.Header.Get("ETag")
	a.Exchange, _ = strconv.Atoi(response.Header.Get("X-Exchange"))
	if age := response.Header.Get("Age"); age != "" {
		a.Age, _ = strconv.Atoi(age)
	}
	a.Cookie = response.Header.Get("Set-Cookie") != ""
	return a
}
