package program_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// attack is a request that is to leave something of itself to others. {path} stands for a
// path that no other case has.
type attack struct {
	name, head, body string
	// own: what is in it is the client's own, such as a cookie, and its answer is made for
	// this client each time.
	own bool
	// changes: as an unsafe request it makes what is kept invalid.
	changes bool
}

// with makes an attack of a request that has header lines beside the usual ones.
func extra(lines string) string {
	return "GET {path} HTTP/1.1\nHost: gallery.test\n" + lines + "\n"
}

// attacks on whatever is kept.
var attacks = []attack{
	{name: "X-Forwarded-Host", head: extra("X-Forwarded-Host: evil.test")},
	{name: "X-Forwarded-Host of two", head: extra("X-Forwarded-Host: gallery.test\nX-Forwarded-Host: evil.test")},
	{name: "X-Forwarded-Host as a list", head: extra("X-Forwarded-Host: gallery.test, evil.test")},
	{name: "X-Forwarded-Proto", head: extra("X-Forwarded-Proto: evil")},
	{name: "X-Forwarded-Scheme", head: extra("X-Forwarded-Scheme: evil")},
	{name: "X-Forwarded-Port", head: extra("X-Forwarded-Port: evil")},
	{name: "X-Forwarded-Prefix", head: extra("X-Forwarded-Prefix: /evil")},
	{name: "X-Forwarded-Server", head: extra("X-Forwarded-Server: evil.test")},
	{name: "X-Forwarded-Ssl", head: extra("X-Forwarded-Ssl: evil")},
	{name: "Forwarded", head: extra("Forwarded: host=evil.test;proto=evil")},
	{name: "X-Host", head: extra("X-Host: evil.test")},
	{name: "X-Original-Host", head: extra("X-Original-Host: evil.test")},
	{name: "X-HTTP-Host-Override", head: extra("X-HTTP-Host-Override: evil.test")},
	{name: "X-Original-URL", head: extra("X-Original-URL: /evil")},
	{name: "X-Rewrite-URL", head: extra("X-Rewrite-URL: /evil")},
	{name: "X-HTTP-Method-Override", head: extra("X-HTTP-Method-Override: EVIL")},
	{name: "X-HTTP-Method", head: extra("X-HTTP-Method: EVIL")},
	{name: "X-Method-Override", head: extra("X-Method-Override: EVIL")},
	{name: "SCRIPT_NAME", head: extra("SCRIPT_NAME: /evil")},
	{name: "Script-Name", head: extra("Script-Name: /evil")},
	{name: "X-Script-Name", head: extra("X-Script-Name: /evil")},
	{name: "Path-Info", head: extra("Path-Info: /evil")},
	{name: "X-Forwarded-Path", head: extra("X-Forwarded-Path: /evil")},
	{name: "X-Forwarded-Method", head: extra("X-Forwarded-Method: EVIL")},
	{name: "X-Forwarded-Uri", head: extra("X-Forwarded-Uri: /evil")},
	{name: "X-Forwarded", head: extra("X-Forwarded: evil.test")},
	{name: "X-Forward-For", head: extra("X-Forward-For: evil")},
	{name: "Forwarded-Host", head: extra("Forwarded-Host: evil.test")},
	{name: "X-Original-Path", head: extra("X-Original-Path: /evil")},
	{name: "X-Original-Method", head: extra("X-Original-Method: EVIL")},
	{name: "X-Original-Anything", head: extra("X-Original-Anything: evil")},
	{name: "X-Rewrite-Anything", head: extra("X-Rewrite-Anything: /evil")},
	{name: "X-Override-URL", head: extra("X-Override-URL: /evil")},
	{name: "X-HTTP-Path-Override", head: extra("X-HTTP-Path-Override: /evil")},
	{name: "X-HTTP-DestinationURL", head: extra("X-HTTP-DestinationURL: /evil")},
	{name: "X-Host-Override", head: extra("X-Host-Override: evil.test")},
	{name: "X-Proxy-Host", head: extra("X-Proxy-Host: evil.test")},
	{name: "X-Envoy-Original-Path", head: extra("X-Envoy-Original-Path: /evil")},
	{name: "X-Base-Path", head: extra("X-Base-Path: /evil")},
	{name: "Request-URI", head: extra("Request-URI: /evil")},
	{name: "Base-Url", head: extra("Base-Url: http://evil.test")},
	{name: "Destination", head: extra("Destination: /evil")},
	{name: "Client-IP", head: extra("Client-IP: evil")},
	{name: "X-Remote-Addr", head: extra("X-Remote-Addr: evil")},
	{name: "X-Originating-IP", head: extra("X-Originating-IP: evil")},
	{name: "X-Custom-IP-Authorization", head: extra("X-Custom-IP-Authorization: evil")},
	{name: "X-Remote-User", head: extra("X-Remote-User: evil")},
	{name: "X-Middleware-Subrequest", head: extra("X-Middleware-Subrequest: evil")},
	{name: "X-Middleware-Prefetch", head: extra("X-Middleware-Prefetch: evil")},
	{name: "X-Invoke-Status", head: extra("X-Invoke-Status: evil")},
	{name: "CF-Visitor", head: extra(`CF-Visitor: {"scheme":"evil"}`)},
	{name: "CF-IPCountry", head: extra("CF-IPCountry: evil")},
	{name: "CF-Anything", head: extra("CF-Anything: evil")},
	{name: "CloudFront-Viewer-Country", head: extra("CloudFront-Viewer-Country: evil")},
	{name: "CloudFront-Forwarded-Proto", head: extra("CloudFront-Forwarded-Proto: evil")},
	{name: "X-Requested-With", head: extra("X-Requested-With: evil")},
	{name: "HX-Request", head: extra("HX-Request: evil")},
	{name: "RSC", head: extra("RSC: evil")},
	{name: "Next-Router-State-Tree", head: extra("Next-Router-State-Tree: evil")},
	{name: "X-Device", head: extra("X-Device: evil")},
	{name: "Prefer", head: extra("Prefer: evil")},
	{name: "X-Api-Key", head: extra("X-Api-Key: evil")},

	{name: "another Host", head: "GET {path} HTTP/1.1\nHost: evil.test\n"},
	{name: "another port in Host", head: "GET {path} HTTP/1.1\nHost: gallery.test:evil\n"},
	{name: "Host with a path", head: "GET {path} HTTP/1.1\nHost: gallery.test/evil\n"},
	{name: "Host with user information", head: "GET {path} HTTP/1.1\nHost: evil@gallery.test\n"},
	{name: "two Hosts", head: "GET {path} HTTP/1.1\nHost: gallery.test\nHost: evil.test\n"},
	{name: "two Hosts, the other way round", head: "GET {path} HTTP/1.1\nHost: evil.test\nHost: gallery.test\n"},
	{name: "Host continued", head: "GET {path} HTTP/1.1\nHost: gallery.test\n evil.test\n"},
	{name: "Host with a space before the colon", head: "GET {path} HTTP/1.1\nHost : evil.test\nHost: gallery.test\n"},
	{name: "an absolute target", head: "GET http://evil.test{path} HTTP/1.1\nHost: gallery.test\n"},
	{name: "no Host, HTTP/1.0", head: "GET {path} HTTP/1.0\nX-Forwarded-Host: evil.test\n"},

	{name: "a cookie", head: extra("Cookie: session=evil"), own: true},
	{name: "a cookie in small letters", head: extra("cookie: session=evil"), own: true},
	{name: "two Cookie lines", head: extra("Cookie: _ga=1\nCookie: session=evil"), own: true},
	{name: "a cookie beside one that is ignored", head: extra("Cookie: _ga=1; session=evil"), own: true},
	{name: "a cookie that begins like one that is ignored", head: extra("Cookie: _ga.evil=1"), own: true},
	{name: "a value with an ignored name in it", head: extra(`Cookie: session="evil; _ga=1"`), own: true},
	{name: "Authorization", head: extra("Authorization: Token evil"), own: true},
	{name: "authorization in small letters", head: extra("authorization: Token evil"), own: true},
	{name: "two Authorizations", head: extra("Authorization:\nAuthorization: Token evil"), own: true},
	{name: "Authorization and a cookie that is ignored", head: extra("Authorization: Token evil\nCookie: _ga=1"), own: true},
	{name: "Proxy-Authorization", head: extra("Proxy-Authorization: Token evil")},

	{name: "a path in another case", head: "GET {path}/EVIL HTTP/1.1\nHost: gallery.test\n"},
	{name: "a dotted path", head: "GET {path}/evil/.. HTTP/1.1\nHost: gallery.test\n"},
	{name: "an encoded dotted path", head: "GET {path}/evil/%2e%2e HTTP/1.1\nHost: gallery.test\n"},
	{name: "an encoded slash", head: "GET {path}%2fevil HTTP/1.1\nHost: gallery.test\n"},
	{name: "an encoded question mark", head: "GET {path}%3fevil HTTP/1.1\nHost: gallery.test\n"},
	{name: "an encoded zero", head: "GET {path}%00evil HTTP/1.1\nHost: gallery.test\n"},
	{name: "a fragment", head: "GET {path}#evil HTTP/1.1\nHost: gallery.test\n"},
	{name: "a path parameter", head: "GET {path};evil HTTP/1.1\nHost: gallery.test\n"},
	{name: "a backslash", head: `GET {path}\evil HTTP/1.1` + "\nHost: gallery.test\n"},
	{name: "a line break in the path", head: "GET {path}%0d%0aX-Evil:%20evil HTTP/1.1\nHost: gallery.test\n"},
	{name: "a query", head: "GET {path}?evil HTTP/1.1\nHost: gallery.test\n"},
	{name: "a query for those who measure", head: "GET {path}?utm_content=evil HTTP/1.1\nHost: gallery.test\n"},
	{name: "a query behind a semicolon", head: "GET {path}?;evil HTTP/1.1\nHost: gallery.test\n"},

	{name: "a GET with a body", head: extra("Content-Type: application/json\nContent-Length: 4"), body: "evil"},
	{name: "a GET with a chunked body", head: extra("Transfer-Encoding: chunked"), body: "4\r\nevil\r\n0\r\n\r\n"},
	{name: "a GET with a form", head: extra("Content-Type: application/x-www-form-urlencoded\nContent-Length: 6"), body: "a=evil"},
	{name: "a HEAD", head: "HEAD {path} HTTP/1.1\nHost: gallery.test\nX-HTTP-Method-Override: EVIL\n"},
	{name: "another method", head: "EVIL {path} HTTP/1.1\nHost: gallery.test\n", changes: true},
	{name: "a range", head: extra("Range: bytes=0-3\nX-HTTP-Method-Override: EVIL")},
	{name: "a range in another unit", head: extra("Range: evil=0-3")},
	{name: "Upgrade", head: extra("Connection: upgrade\nUpgrade: evil")},
	{name: "a header for this hop", head: extra("Connection: X-Hop\nX-Hop: evil")},
	{name: "Expect", head: extra("Expect: evil")},
}

// anonymousAttacks are attacks where the app said nothing of its answer, so that only a
// request like any other may be kept.
var anonymousAttacks = []attack{
	{name: "a header that nobody knows", head: extra("X-Anything: evil")},
	{name: "an empty header that nobody knows", head: extra("X-Evil:")},
	{name: "a token in a header of its own", head: extra("X-Api-Key: evil"), own: true},
	{name: "a session in a header of its own", head: extra("X-Session: evil"), own: true},
	{name: "a client certificate", head: extra("X-Client-Cert: evil"), own: true},
	{name: "a language that a query asks for", head: "GET {path}?lang=evil HTTP/1.1\nHost: gallery.test\n"},
	{name: "a version of the API", head: extra("X-Api-Version: evil")},
	{name: "a preference", head: extra("Prefer: return=evil")},
	{name: "the next page through Content-Location", head: extra("Content-Location: /evil")},
	{name: "an upload's header", head: extra("Content-Type: application/evil")},
}

// TestNobodyGetsWhatOthersSent: whatever a client sends, before an answer is kept or while
// it is, a client that asks for the same without it gets nothing of it, and the answer that
// is kept stays in use.
func TestNobodyGetsWhatOthersSent(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		name, path string
		attacks    []attack
	}{
		{"with a lifetime", "/static/", attacks},
		{"anonymous pages", "/api/v2/captures/", append(anonymousAttacks, attacks...)},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			app := new(reflectingApp)
			s := newSite(t, reflecting(app), with(func(f *config.File) { f.Responses.AnonymousPages = time.Hour }))
			for n, attack := range kind.attacks {
				path := fmt.Sprintf("%sx%dx", kind.path, n)
				attack.head = strings.ReplaceAll(attack.head, "{path}", path)
				t.Run(attack.name, func(t *testing.T) { s.withstands(t, app, attack, path) })
			}
		})
	}
}

func (s *site) withstands(t *testing.T, app *reflectingApp, attack attack, path string) {
	attacked := func() {
		if a := s.ask(attack.head, attack.body); attack.own && !a.has(evil) {
			t.Errorf("the client itself got an answer that was not made for it: %d %v %s", a.status, a.header, a.body)
		}
	}
	attacked()
	attacked()
	asked := 0 // by clients like any other
	for _, moment := range []string{"before the answer was kept", "while it was kept"} {
		for range 2 {
			before := app.count(path)
			if a := s.plain(path); a.status != http.StatusOK || a.has(evil) {
				t.Fatalf("attacked %s, others get %d %v %s", moment, a.status, a.header, a.body)
			}
			asked += app.count(path) - before
		}
		attacked()
	}
	if asked > 1 && !attack.changes {
		t.Errorf("the app was asked %d times by clients like any other, want 1: what is kept is not used", asked)
	}
}

// TestVaryOnWhatIsAbsent: clients that have not a header which Vary names are told apart
// from those that have it, however they spell it.
func TestVaryOnWhatIsAbsent(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	for n, vary := range [][]string{{"X-User"}, {"x-user"}, {"X-Other, X-User"}, {"X-Other", "X-User"}, {"X-Other,,  X-USER ,"}, {"*"}, {"X-Other, *"}, {"X-Other", "*"}} {
		path := fmt.Sprintf("/vary/x%dx", n)
		app.answers(path, func(w http.ResponseWriter, told string, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header()["Vary"] = vary
			reflect(w, told)
		})
		for _, lines := range []string{"X-User: evil", "x-user: evil", "X-USER:evil", "X-User: someone\nX-User: evil", "X-User: evil\nX-User:", "X-User:\nX-Other: evil\nX-User: x"} {
			for range 2 {
				if a := s.ask("GET "+path+" HTTP/1.1\nHost: gallery.test\n"+lines+"\n", ""); !a.has(evil) {
					t.Errorf("Vary %q: a client with %q gets another's answer: %s", vary, lines, a.body)
				}
				if a := s.plain(path); a.has(evil) {
					t.Errorf("Vary %q: clients without %q get its answer: %s", vary, lines, a.body)
				}
				if a := s.ask("GET "+path+" HTTP/1.1\nHost: gallery.test\nX-User: \n", ""); a.has(evil) {
					t.Errorf("Vary %q: a client with an empty header gets the answer to %q: %s", vary, lines, a.body)
				}
			}
		}
		if n := app.count(path); !strings.Contains(strings.Join(vary, ""), "*") && n > 3 {
			t.Errorf("Vary %q: the app was asked %d times by clients without the header: nothing is kept", vary, n)
		}
	}
}

// TestQueriesAreNotReadForTheApp: to the app, the order of a query's parts and the last or
// first of two may mean anything: what was made for one is not given for another.
func TestQueriesAreNotReadForTheApp(t *testing.T) {
	t.Parallel()
	app := new(reflectingApp)
	s := newSite(t, reflecting(app))
	targets := []string{"/q", "/q?", "/q??", "/q?a=1&b=2", "/q?b=2&a=1", "/q?a=1&a=2", "/q?a=2&a=1", "/q?a=1", "/q?A=1", "/q?a=1&", "/q?a=1;b=2", "/q?a=%31",
		"/q/", "//q", "/./q", "/q/.", "/x/../q", "/%71", "/Q", "/q%20", "/q+", "/q%2B", "/q;a=1", "/q%3Fa=1"}
	for range 2 {
		for _, target := range targets {
			if a := s.plain(target); !a.has(fmt.Sprintf("get %s gallery.test", strings.ToLower(target))) {
				t.Errorf("%s: %d %s", target, a.status, a.body)
			}
		}
	}
	for _, target := range targets {
		if n := app.count(target); n != 1 {
			t.Errorf("%s was asked for %d times at the app, want 1", target, n)
		}
	}
}
