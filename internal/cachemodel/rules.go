package cachemodel

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ignored is the cookie that counts as none where the app says nothing of a page.
const ignored = "_ga=1"

// kept says whether an answer may be kept at all (RFC 9111 section 3).
func (m *Model) kept(e *Exchange) error {
	p := &e.Policy
	switch {
	case e.Method != http.MethodGet:
		return fmt.Errorf("it was the answer to a %s", e.Method)
	case e.Broken:
		return errors.New("it broke off")
	case p.NoStore, e.cacheControl("no-store"):
		return errors.New("no-store")
	case p.Private:
		return errors.New("private")
	case p.SetsCookie:
		return errors.New("it sets a cookie")
	}
	return m.mayHave(e.Key, e.Headers, e)
}

// mayHave says whether a request with those headers may have an answer that is kept (RFC
// 9111 sections 3.5 and 4, and what the contract says of cookies).
func (m *Model) mayHave(key string, headers map[string]string, e *Exchange) error {
	p := &e.Policy
	forEveryone := p.Public || p.SMaxAge >= 0
	_, said := p.lifetime()
	switch {
	case headers["Authorization"] != "" && !forEveryone && !p.MustRevalidate:
		return errors.New("there are credentials")
	case said && !forEveryone && m.cookie(key, headers):
		return errors.New("there is a cookie, and it is not for everyone")
	case !said:
		return m.anonymous(key, headers, e)
	}
	return nil
}

// selects says whether a request selects an answer (RFC 9111 section 4.1).
func selects(q *Request, e *Exchange) error {
	for _, name := range e.Policy.Vary {
		if name == "*" {
			return errors.New("it varies by everything")
		}
		if e.Headers[name] != q.Headers[name] {
			return fmt.Errorf("%s was %q and is %q", name, e.Headers[name], q.Headers[name])
		}
	}
	return nil
}

// anonymous says whether a page of which the app said nothing may be kept for, or used for,
// a request with those headers.
func (m *Model) anonymous(key string, headers map[string]string, e *Exchange) error {
	if m.Anonymous == 0 || !strings.Contains(key, m.Pages) {
		return errors.New("it has no lifetime")
	}
	if e.Status != 200 && e.Status != 304 {
		return fmt.Errorf("the app said nothing of a %d", e.Status)
	}
	for _, name := range []string{"Authorization", "X-Variant", "Range"} {
		if headers[name] != "" {
			return fmt.Errorf("the app said nothing, and %s came along", name)
		}
	}
	if m.cookie(key, headers) {
		return errors.New("the app said nothing, and a cookie came along")
	}
	return nil
}

// cookie says whether a request has a cookie that counts.
func (m *Model) cookie(key string, headers map[string]string) bool {
	cookie := headers["Cookie"]
	return cookie != "" && (cookie != ignored || m.Anonymous == 0 || !strings.Contains(key, m.Pages))
}

// lifetime is for how many seconds an answer is fresh (RFC 9111 section 4.2.1, RFC 9213
// section 2.2), and whether anything says so.
func (p *Policy) lifetime() (seconds int, said bool) {
	for _, s := range []int{p.CDNMaxAge, p.SMaxAge, p.MaxAge, p.Expires} {
		if s >= 0 {
			return s, true
		}
	}
	return 0, p.NoCache
}

// slack is how coarse a cache's clock may be.
const slack = 5 * time.Millisecond

// freshEnough says whether an answer could be fresh when it was given, or be used although
// it was stale (RFC 9111 sections 4.2 and 5.2.1, RFC 5861).
func (m *Model) freshEnough(q *Request, a *Answer, e *Exchange) error {
	p := &e.Policy
	age := time.Duration(p.Age)*time.Second + max(0, q.Began-e.Arrived-slack)
	if a.Age >= 0 && time.Duration(a.Age+1)*time.Second <= age {
		return fmt.Errorf("it came with Age %d, and is %v old", a.Age, age)
	}
	seconds, said := p.lifetime()
	life := time.Duration(seconds) * time.Second
	if !said {
		life = m.Anonymous
	}
	maxAge, limited := q.seconds("max-age")
	minFresh, wanted := q.seconds("min-fresh")
	maxStale, bears := q.seconds("max-stale")
	switch {
	case q.cacheControl("no-cache"), q.Headers["Pragma"] != "" && q.Headers["Cache-Control"] == "":
		return errors.New("the client said no-cache")
	case p.NoCache:
		return errors.New("no-cache")
	case p.StaleIfError > 0 && age-life <= time.Duration(p.StaleIfError)*time.Second && m.failedFor(q) &&
		!p.MustRevalidate && !p.ProxyRevalidate && p.SMaxAge < 0: // whatever the client says of freshness (RFC 5861 section 4)
		m.Seen["stale if error"]++
		return nil
	case limited && age > maxAge && (!bears || age > maxAge+maxStale):
		return fmt.Errorf("%v old, the client wants %v at most", age, maxAge)
	case wanted && life-age < minFresh:
		return fmt.Errorf("fresh for %v more, the client wants %v at least", life-age, minFresh)
	case age < life:
		m.Seen["fresh"]++
		return nil
	case p.MustRevalidate, p.ProxyRevalidate, p.SMaxAge >= 0:
		return fmt.Errorf("stale by %v, which the app forbids", age-life)
	case bears && age-life <= maxStale:
		m.Seen["stale, as the client bears"]++
	case age-life <= time.Duration(p.StaleWhile)*time.Second:
		m.Seen["stale while revalidating"]++
	default:
		return fmt.Errorf("stale by %v", age-life)
	}
	return nil
}

// stillHolds says whether an unsafe request has made an answer invalid before the client
// asked (RFC 9111 section 4.4).
func (m *Model) stillHolds(q *Request, e *Exchange) error {
	for _, u := range m.unsafe[place(q.Replica, q.Key)] {
		if u.ended <= q.Began && e.Arrived < u.arrived {
			return fmt.Errorf("the URL was changed %v after it, and the client began to ask %v after that", u.arrived-e.Arrived, q.Began-u.ended)
		}
	}
	return nil
}

func (q *Request) cacheControl(directive string) bool { return hasDirective(q.Headers, directive) }

func (e *Exchange) cacheControl(directive string) bool { return hasDirective(e.Headers, directive) }

// hasDirective: the clients of Run send one directive at most.
func hasDirective(headers map[string]string, directive string) bool {
	return strings.HasPrefix(headers["Cache-Control"], directive)
}

// seconds returns the argument of the client's directive.
func (q *Request) seconds(directive string) (time.Duration, bool) {
	text, ok := strings.CutPrefix(q.Headers["Cache-Control"], directive+"=")
	n, err := strconv.Atoi(text)
	return time.Duration(n) * time.Second, ok && err == nil
}
