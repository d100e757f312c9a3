package drive

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
)

// client is a browser: it asks replicas for pages and thumbnails, and records what they
// answer.
type client struct {
	*site
	random *rand.Rand
}

// browser stops at the first answer.
var browser = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

var requests atomic.Int64

// reply is a whole response.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) String() string { return fmt.Sprintf("%d %.200s", r.status, r.body) }

// get asks for something; a response that does not come whole is an error.
func get(url string) (r reply, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	response, err := browser.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, body}, err
}

// browse asks for one thing, which a seed chooses.
func (c *client) browse() {
	ids := c.ids()
	r := pick(c.random, c.replicas)
	for r.away.Load() && c.random.IntN(20) > 0 { // a load balancer has noticed
		r = pick(c.random, c.replicas)
	}
	switch n := c.random.IntN(10); {
	case n < 4:
		chosen := make([]int64, 1+c.random.IntN(8))
		for i := range chosen {
			chosen[i] = pick(c.random, ids)
		}
		c.page(r, "echo="+join(chosen))
	case n < 5:
		c.page(r, "limit="+strconv.Itoa(1+c.random.IntN(12)))
	default:
		c.thumbnail(r, pick(c.random, ids), pick(c.random, []string{"small", "medium"}))
	}
}

func join(ids []int64) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(words, ",")
}

// page asks for a page, then for one of the files that it names.
func (c *client) page(r *replica, query string) (answer history.Answer) {
	number := strconv.FormatInt(requests.Add(1), 10)
	answer = c.ask(r, "/api/v2/captures/?"+query+"&n="+number, func(a *history.Answer, got reply) {
		a.Page = true
		if got.status != http.StatusOK {
			a.Wrong = got.String()
			return
		}
		err := fmt.Errorf("the app was not asked")
		for _, page := range c.app.wrote(number) {
			if a.Shown, err = comparePages(page, got.body, c.files.base()); err == nil {
				break
			}
		}
		switch {
		case err != nil:
			a.Wrong = err.Error()
		case !json.Valid(got.body):
			a.Wrong = "it is no JSON"
		}
	})
	c.app.wrote(number)
	return answer
}

// thumbnail asks for a thumbnail, then for the file that it is sent to.
func (c *client) thumbnail(r *replica, capture int64, label string) history.Answer {
	return c.ask(r, fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=%s", capture, label), func(a *history.Answer, got reply) {
		switch got.status {
		case http.StatusFound:
			c.redirected(a, got.header, capture, label)
		case http.StatusOK:
			if p, err := readPicture(got.body); err != nil || p.Capture != capture {
				a.Wrong = fmt.Sprintf("a picture of %+v (%v)", p, err)
			}
		case http.StatusNotFound:
			a.Unknown = capture
		case http.StatusServiceUnavailable, http.StatusBadGateway:
		default:
			a.Wrong = got.String()
		}
	})
}

// redirected takes down where a client is sent.
func (c *client) redirected(a *history.Answer, header http.Header, capture int64, label string) {
	location := header.Get("Location")
	key, ours := strings.CutPrefix(location, c.files.base())
	of, made, err := parseKey(key)
	switch {
	case !ours || err != nil || of != capture:
		a.Wrong = "sent to " + location
		return
	case made == label:
		made = ""
	case header.Get("Cache-Control") != "no-store":
		a.Wrong = fmt.Sprintf("sent to %s for %s, %s", location, label, header.Get("Cache-Control"))
	}
	a.Shown = []history.Shown{{Capture: capture, Label: label, Key: key, Instead: made}}
}

// ask asks a replica, has judge look at the answer, and records it. Then it reads one of
// the files that were named.
func (c *client) ask(r *replica, target string, judge func(*history.Answer, reply)) history.Answer {
	name, _ := r.present()
	a := history.Answer{Start: c.now(), Replica: name, What: target}
	got, err := get(r.url + target)
	a.End = c.now()
	if err != nil {
		a.Failed = err.Error()
	} else {
		judge(&a, got)
	}
	c.record(func(h *history.History) { h.Answers = append(h.Answers, a) })
	if n := len(a.Shown); n > 0 && c.random != nil {
		if key := a.Shown[c.random.IntN(n)].Key; key != "" {
			c.read(key)
		}
	}
	return a
}

// read reads a file, as a browser does.
func (c *client) read(key string) {
	read := history.Read{Start: c.now(), Key: key}
	got, err := get(c.files.base() + key)
	read.End = c.now()
	if err != nil {
		c.Errorf("reading %s: %v", key, err)
		return
	}
	read.Missing = got.status != http.StatusOK
	if !read.Missing {
		if read.Picture, err = readPicture(got.body); err != nil {
			read.Missing = true
		}
	}
	c.record(func(h *history.History) { h.Reads = append(h.Reads, read) })
}

// pause waits for about so long, or until ctx ends.
func pause(ctx context.Context, random *rand.Rand, about time.Duration) {
	select {
	case <-time.After(about/2 + time.Duration(random.Int64N(int64(about)))):
	case <-ctx.Done():
	}
}

// browseUntil has so many clients browse until ctx ends.
func (s *site) browseUntil(ctx context.Context, clients int, seed uint64, every time.Duration) {
	var all sync.WaitGroup
	for i := range clients {
		c := &client{s, rand.New(rand.NewPCG(seed, uint64(i)))}
		all.Go(func() {
			for ctx.Err() == nil {
				c.browse()
				pause(ctx, c.random, every)
			}
		})
	}
	all.Wait()
}
