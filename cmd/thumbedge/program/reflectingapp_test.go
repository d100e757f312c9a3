package program_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// evil is in everything that an attacker sends, or that belongs to another user. An answer
// that has it was made for them.
const evil = "evil"

// reflectingApp is an app that tells each client all that it was told by it, and counts
// what it was asked. An answer may be kept for a minute, unless the test's rule for its
// path says something else.
type reflectingApp struct {
	url string

	mu    sync.Mutex
	asked map[string]int // by target, without requests that had evil in them
	rules map[string]func(w http.ResponseWriter, told string, r *http.Request)
}

// reflecting puts a reflectingApp behind the site. Its pages are JSON under
// /api/v2/captures/, of which it says nothing.
func reflecting(app *reflectingApp) siteOption {
	return func(s *site) {
		app.asked, app.rules = map[string]int{}, map[string]func(http.ResponseWriter, string, *http.Request){}
		server := httptest.NewServer(app)
		s.Cleanup(server.Close)
		app.url = server.URL
		s.file.Upstream.URL = server.URL
	}
}

// answers has requests for paths that begin with prefix answered by rule.
func (a *reflectingApp) answers(prefix string, rule func(w http.ResponseWriter, told string, r *http.Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules[prefix] = rule
}

// count returns how often a target was asked for by requests that had nothing evil in them.
func (a *reflectingApp) count(target string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[target]
}

func (a *reflectingApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	told := toldBy(r)
	a.mu.Lock()
	if !strings.Contains(strings.ToLower(told), evil) {
		a.asked[r.RequestURI]++
	}
	rule := func(w http.ResponseWriter, told string, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/v2/captures/") {
			w.Header().Set("Cache-Control", "max-age=60")
		}
		reflect(w, told)
	}
	longest := ""
	for prefix, own := range a.rules {
		if strings.HasPrefix(r.URL.Path, prefix) && len(prefix) > len(longest) {
			longest, rule = prefix, own
		}
	}
	a.mu.Unlock()
	rule(w, told, r)
}

// toldBy is all of a request, as text.
func toldBy(r *http.Request) string {
	var told strings.Builder
	fmt.Fprintf(&told, "%s %s %s\n", r.Method, r.RequestURI, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&told, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
	body, _ := io.ReadAll(r.Body)
	told.Write(body)
	return told.String()
}

// reflect answers with what the app was told, as a JSON page.
func reflect(w http.ResponseWriter, told string) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(map[string]string{"told": told})
}

// answer is what came to a raw request.
type answer struct {
	status int // 0: none came
	header http.Header
	body   []byte
	broken bool // the body broke off
}

// has says whether text is anywhere in it.
func (a answer) has(text string) bool {
	return strings.Contains(strings.ToLower(fmt.Sprint(a.header)+string(a.body)), text)
}

// ask sends a request as it is given, line ends made CRLF, on a connection of its own.
func (s *site) ask(head, body string) answer {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.Fatal(err)
	}
	raw := strings.ReplaceAll(strings.TrimSuffix(head, "\n")+"\nConnection: close\n\n", "\n", "\r\n") + body
	if _, err := io.WriteString(conn, raw); err != nil {
		s.Fatal(err)
	}
	method, _, _ := strings.Cut(head, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	var read bytes.Buffer
	_, err = read.ReadFrom(response.Body)
	return answer{response.StatusCode, response.Header, read.Bytes(), err != nil}
}

// plain is the request of a client like any other.
func (s *site) plain(target string) answer {
	s.Helper()
	return s.ask("GET "+target+" HTTP/1.1\nHost: gallery.test\n", "")
}

// isKept fails the test unless target, asked for twice by clients like any other, is
// answered from what is kept the second time.
func (a *reflectingApp) isKept(t *testing.T, s *site, target string) {
	t.Helper()
	s.plain(target)
	before := a.count(target)
	if s.plain(target); a.count(target) != before {
		t.Errorf("%s is not kept: the test would show nothing", target)
	}
}
