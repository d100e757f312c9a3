package drive

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
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

// get asks for something, with some headers and as of a host; a response that does not
// come whole is an error.
func get(url, host string, header ...string) (r reply, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	request.Host = host
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := browser.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, body}, err
}

// question is a request to a replica.
type question struct {
	target string
	header []string
	signed bool // validly
}

// ask asks a replica, has judge look at the answer, and records it. Then it reads one of
// the files that were named.
func (c *client) ask(r *replica, q question, judge func(*history.Answer, reply)) history.Answer {
	name, _ := r.present()
	a := history.Answer{Start: c.now(), Replica: name, What: q.target, Signed: q.signed}
	got, err := get(r.url+q.target, "", q.header...)
	a.End = c.now()
	if err != nil {
		a.Failed = err.Error()
	} else {
		judge(&a, got)
	}
	c.record(func(h *history.History) { h.Answers = append(h.Answers, a) })
	if n := len(a.Shown); n > 0 && c.random != nil {
		if key := a.Shown[c.random.IntN(n)].Key; key != "" {
			c.read(key, got.header.Get("Location"))
		}
	}
	return a
}

// read reads a file, as a browser does: a private one by the URL that it was sent to.
func (c *client) read(key, location string) {
	read := history.Read{Start: c.now(), Key: key}
	target, host := c.files.base()+key, ""
	private := strings.HasPrefix(key, history.PrivateFile)
	if private {
		u, err := url.Parse(location)
		if err != nil {
			c.Errorf("reading %s: %v", key, err)
			return
		}
		target, host = c.files.server.URL+u.RequestURI(), u.Host
	}
	got, err := get(target, host)
	read.End = c.now()
	if err != nil {
		c.Errorf("reading %s: %v", key, err)
		return
	}
	if private && got.status == http.StatusForbidden {
		return // signed by a clock that is off: the storage's answer is right
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
func (s *site) browseUntil(ctx context.Context, clients int, seed uint64, visits map[string]int, every time.Duration) {
	var all sync.WaitGroup
	for i := range clients {
		c := &client{s, rand.New(rand.NewPCG(seed, uint64(i)))}
		all.Go(func() {
			for ctx.Err() == nil {
				c.browse(visits)
				pause(ctx, c.random, every)
			}
		})
	}
	all.Wait()
}
