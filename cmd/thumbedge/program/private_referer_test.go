package program_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// referers are those that servers were sent.
type referers struct {
	mu  sync.Mutex
	all []string // "server: Referer"
}

// seenBy has a handler's requests be noted.
func (r *referers) seenBy(server string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.all = append(r.all, fmt.Sprintf("%s %s: %s", server, request.URL.Path, request.Referer()))
		r.mu.Unlock()
		next.ServeHTTP(w, request)
	})
}

// tell notes what a page knows as its document.referrer.
func (r *referers) tell(referrer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, "a document of another site /: "+referrer)
}

// forwarding serves what is at a URL, with the Host that it is asked for: a signature covers
// that.
func (r *referers) forwarding(t *testing.T, server, target string) (base string) {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(r.seenBy(server, &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		p.Out.Host = p.In.Host
	}}))
	t.Cleanup(front.Close)
	return front.URL
}

// count returns how many requests for a path were seen.
func (r *referers) count(path string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.all {
		if strings.Contains(line, " "+path+": ") {
			n++
		}
	}
	return n
}

// TestSignedURLsAreInNoReferer: in a real browser, neither a gallery, whatever its own
// policy, nor a signed URL that is opened by itself, gives one to the app, to private storage
// or to another site: not of a picture, not of a failure, not of what the app answers to a
// signature that is none.
func TestSignedURLsAreInNoReferer(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]siteOption{"filesystem": signing, "s3": onPrivateS3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen referers
			s := newPrivateSite(t, option, with(func(f *config.File) {
				f.Server.Listen = testenv.FreeAddress(t)
				f.Server.PublicURL = "http://" + f.Server.Listen
				f.Source.RetryAfter = time.Hour
				f.Upstream.URL = seen.forwarding(t, "the app", f.Upstream.URL)
				if name == "s3" {
					f.Storage.Private.Endpoint = seen.forwarding(t, "private storage", f.Storage.Private.Endpoint)
				}
			}))
			ids := s.captures(3)
			broken := ids[2]
			s.exec(`UPDATE main_sourceimage SET public_base_url = 'http://127.0.0.1:9/' WHERE id = $1`, broken)
			_, body := s.as(owner, draftList)
			targets := s.thumbnailsOf([]byte(body))
			good, failing := targets[ids[0]]["small"], targets[broken]["small"]
			if !strings.HasPrefix(good, s.url+"/") || !strings.Contains(good, "signature=") {
				t.Fatalf("the page shows %s", good)
			}
			gallery := `<!doctype html><meta name="referrer" content="unsafe-url"><img src="/own.png">`
			for _, id := range ids[:2] {
				gallery += `<img class="signed" src="` + strings.ReplaceAll(targets[id]["small"], "&", "&amp;") + `">`
			}
			elsewhere := httptest.NewServer(seen.seenBy("another site", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				switch r.URL.Path {
				case "/gallery":
					fmt.Fprint(w, gallery)
				case "/next": // tells what its document.referrer is
					fmt.Fprint(w, `<!doctype html><script>fetch("/told", {headers: {"X-Told": document.referrer}})</script>`)
				case "/told":
					seen.tell(r.Header.Get("X-Told"))
				}
			})))
			t.Cleanup(elsewhere.Close)

			tab := testenv.Browser(t)
			tab.Open(elsewhere.URL + "/gallery")
			tab.Wait(`[...document.querySelectorAll(".signed")].filter((i) => i.complete && i.naturalWidth > 0).length == 2`)
			for what, target := range map[string]string{
				"a picture":                         good,
				"a failure":                         failing,
				"a signature of something else":     strings.Replace(good, "label=small", "label=medium", 1),
				"a label that is the app's to know": strings.Replace(good, "label=small", "label=nope", 1),
			} {
				for next, arrives := range map[string]string{elsewhere.URL + "/next": "/told", s.url + "/api/v2/captures/?project_id=1": "/api/v2/captures/"} {
					before := seen.count(arrives)
					tab.Open(target)
					tab.Eval(fmt.Sprintf(`(setTimeout(() => location.assign(%q), 0), true)`, next), new(any)) // as a link would
					s.eventually("from "+what+" to "+next, func() bool { return seen.count(arrives) > before })
				}
			}
			seen.mu.Lock()
			defer seen.mu.Unlock()
			told := map[string]int{}
			for _, line := range seen.all {
				server, _, _ := strings.Cut(line, " /")
				told[server]++
				// That storage learns of its own URLs is no news to it.
				if anySignature.MatchString(line) && server != "private storage" || strings.Contains(line, ": "+s.url+"/api/v2/captures/thumbnails/") {
					t.Error(line)
				}
			}
			all := strings.Join(seen.all, "\n")
			if !strings.Contains(all, "another site /own.png: "+elsewhere.URL+"/gallery") || told["the app"] == 0 || name == "s3" && told["private storage"] == 0 {
				t.Errorf("not everything was seen:\n%s", all)
			}
		})
	}
}
