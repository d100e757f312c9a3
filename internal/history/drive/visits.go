package drive

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
)

// browse does one thing, which a seed chooses.
func (c *client) browse(visits map[string]int) {
	r := pick(c.random, c.replicas)
	for r.away.Load() && c.random.IntN(20) > 0 { // a load balancer has noticed
		r = pick(c.random, c.replicas)
	}
	switch choose(c.random, visits) {
	case "page":
		c.page(r, "echo="+join(c.some()))
	case "list":
		c.list(r, strconv.Itoa(1+c.random.IntN(12)), unique())
	case "kept list":
		c.list(r, "12", "kept"+strconv.Itoa(c.random.IntN(3)))
	case "thumbnail":
		c.thumbnail(r, pick(c.random, c.ids()), pick(c.random, []string{"small", "medium"}))
	case "member's page":
		_, signed := c.membersPage(r, c.some())
		c.remember(signed)
	case "signed":
		if target := c.anySigned(c.random); target != "" {
			tampered, valid := c.tamper(target)
			c.signedThumbnail(r, tampered, valid)
		}
	}
}

// some are a few captures, one maybe twice.
func (c *client) some() []int64 {
	ids := c.ids()
	chosen := make([]int64, 1+c.random.IntN(8))
	for i := range chosen {
		chosen[i] = pick(c.random, ids)
	}
	return chosen
}

func join(ids []int64) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(words, ",")
}

// unique is the number of a request that nobody makes again.
func unique() string { return strconv.FormatInt(requests.Add(1), 10) }

// page asks for a page, then for one of the files that it names.
func (c *client) page(r *replica, query string) history.Answer {
	number := unique()
	defer c.app.forget(number)
	return c.ask(r, question{target: "/api/v2/captures/?" + query + "&n=" + number}, func(a *history.Answer, got reply) {
		c.judgePage(a, got, number)
	})
}

// list asks for the app's own list, which it makes of what is public.
func (c *client) list(r *replica, limit, number string) history.Answer {
	if !strings.HasPrefix(number, "kept") {
		defer c.app.forget(number)
	}
	return c.ask(r, question{target: "/api/v2/captures/?limit=" + limit + "&n=" + number}, func(a *history.Answer, got reply) {
		c.judgePage(a, got, number)
		for _, shown := range a.Shown {
			if !slices.Contains(a.Listed, shown.Capture) {
				a.Listed = append(a.Listed, shown.Capture)
			}
		}
	})
}

// membersPage asks for a page as a member, and returns the targets that are signed on it.
func (c *client) membersPage(r *replica, ids []int64) (answer history.Answer, signed []string) {
	number := unique()
	defer c.app.forget(number)
	asked := question{target: "/api/v2/captures/?echo=" + join(ids) + "&n=" + number, header: []string{"Authorization", "Token member"}}
	answer = c.ask(r, asked, func(a *history.Answer, got reply) { signed = c.judgePage(a, got, number) })
	return answer, signed
}

// judgePage compares a page with those that the app wrote, the latest first, and takes down
// what it shows. It returns what is signed on it.
func (c *client) judgePage(a *history.Answer, got reply, number string) (signed []string) {
	a.Page = true
	if got.status != http.StatusOK {
		a.Wrong = got.String()
		return nil
	}
	err := fmt.Errorf("the app was not asked")
	for _, w := range slices.Backward(c.app.wrote(number, c.now()-time.Minute)) {
		if a.Shown, signed, err = comparePages(w.page, got.body, c.files.base()); err == nil {
			a.Written = w.at
			break
		}
	}
	switch {
	case err != nil:
		a.Wrong = err.Error()
	case !json.Valid(got.body):
		a.Wrong = "it is no JSON"
	}
	return signed
}

// thumbnail asks for a thumbnail, then for the file that it is sent to.
func (c *client) thumbnail(r *replica, capture int64, label string) history.Answer {
	return c.askForThumbnail(r, fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=%s", capture, label), capture, label, false)
}

func (c *client) askForThumbnail(r *replica, target string, capture int64, label string, signed bool) history.Answer {
	return c.ask(r, question{target: target, signed: signed}, func(a *history.Answer, got reply) {
		switch got.status {
		case http.StatusFound:
			c.redirected(a, got.header, capture, label)
		case http.StatusOK:
			a.Given = capture
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
	private := ""
	if u, err := url.Parse(location); err == nil && u.Query().Has("X-Amz-Signature") {
		key, _ = c.files.keyOf(u.Path)
		key, ours = strings.CutPrefix(key, history.PrivateFile) // what is public is not signed here
		private = history.PrivateFile
	}
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
	a.Shown = []history.Shown{{Capture: capture, Label: label, Key: private + key, Instead: made}}
}
