package check_test

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/check"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// front is a real nginx before target, with these directives in its location.
func front(t *testing.T, target string, directives ...string) *testenv.Nginx {
	return testenv.StartNginx(t, func(address string) string {
		return "server {\nlisten " + address + ";\nlocation / {\nproxy_pass " + target + ";\n" + strings.Join(directives, "\n") + "\n}\n}\n"
	})
}

const (
	rightHost  = "proxy_set_header Host $http_host;"
	rightProto = "proxy_set_header X-Forwarded-Proto $scheme;"
)

// findings looks at a site and returns what is found of each part.
func findings(t *testing.T, file *config.File, target string) map[string]check.Finding {
	found := map[string]check.Finding{}
	check.Via(t.Context(), file, target, func(f check.Finding) { found[f.Part] = f })
	return found
}

// wantVerdicts compares with what is wanted of each part: "ok", "degraded", "unknown",
// or words of an error or of what is degraded.
func wantVerdicts(t *testing.T, found map[string]check.Finding, want map[string]string) {
	t.Helper()
	for part, verdict := range want {
		f, got := found[part], "ok"
		word := verdict == "ok" || verdict == "degraded" || verdict == "unknown"
		switch {
		case f.Err != nil:
			got = f.Err.Error()
		case f.Degraded && !word:
			got = f.Fact
		case f.Degraded:
			got = "degraded"
		case f.Unknown:
			got = "unknown"
		case f.Part == "":
			got = "not told"
		}
		if word && got != verdict || !strings.Contains(got, verdict) {
			t.Errorf("%s is %q (%q), want %q", part, got, f.Fact, verdict)
		}
	}
}

// TestVia looks at one site through fronts that are set up rightly and wrongly.
func TestVia(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.captures(4)
	s.serve()
	right := front(t, s.url, rightHost, rightProto)
	target := "http://" + right.Address

	t.Run("right", func(t *testing.T) {
		found := findings(t, s.file, target)
		wantVerdicts(t, found, map[string]string{"site": "ok", "thumbedge": "ok", "host": "ok", "scheme": "ok", "route URLs": "ok"})
		if got, want := found["route URLs"].Fact, "12 seen, 1 of them rewritten to storage URLs"; got != want {
			t.Errorf("route URLs: %q, want %q", got, want)
		}
	})
	t.Run("a page by its own URL", func(t *testing.T) {
		found := findings(t, s.file, target+"/api/v2/captures/?limit=2&offset=2")
		wantVerdicts(t, found, map[string]string{"site": "ok", "host": "ok", "scheme": "ok"})
		if !strings.HasPrefix(found["route URLs"].Fact, "6 seen") {
			t.Errorf("route URLs: %q", found["route URLs"].Fact)
		}
	})
	t.Run("the Host is not sent on", func(t *testing.T) {
		found := findings(t, s.file, "http://"+front(t, s.url, "proxy_set_header Host app.internal;", rightProto).Address)
		wantVerdicts(t, found, map[string]string{"site": "ok", "host": "12 have app.internal", "scheme": "ok", "thumbedge": "ok"})
		if err := found["host"].Err; err == nil || !strings.Contains(err.Error(), "proxy_set_header Host $host") || !strings.Contains(err.Error(), "rewrite.hosts") {
			t.Errorf("host: %v names no way out", err)
		}
	})
	t.Run("the Host is the app's", func(t *testing.T) {
		// thumbedge rewrites such URLs; the cold ones lead browsers past it.
		app := strings.TrimPrefix(s.appURL, "http://")
		found := findings(t, s.file, "http://"+front(t, s.url, "proxy_set_header Host "+app+";", rightProto).Address)
		wantVerdicts(t, found, map[string]string{"host": "12 have " + app, "route URLs": "ok"})
	})
	t.Run("a host that rewrite.hosts names", func(t *testing.T) {
		file := *s.file
		file.Rewrite.Hosts = []string{"app.internal"}
		found := findings(t, &file, "http://"+front(t, s.url, "proxy_set_header Host app.internal;", rightProto).Address)
		wantVerdicts(t, found, map[string]string{"host": "ok"})
	})
	t.Run("the scheme is another", func(t *testing.T) {
		found := findings(t, s.file, "http://"+front(t, s.url, rightHost, "proxy_set_header X-Forwarded-Proto https;").Address)
		wantVerdicts(t, found, map[string]string{"site": "ok", "host": "ok", "scheme": "12 have https, the site is http"})
		if err := found["scheme"].Err; err == nil || !strings.Contains(err.Error(), "server.trusted_proxies") {
			t.Errorf("scheme: %v names no way out", err)
		}
	})
	t.Run("past thumbedge", func(t *testing.T) {
		past := "http://" + front(t, s.appURL, rightHost, rightProto).Address
		wantVerdicts(t, findings(t, s.file, past), map[string]string{"site": "ok", "thumbedge": "did not come through", "route URLs": "degraded"})
		silent := *s.file
		silent.Server.DebugHeaders = false
		wantVerdicts(t, findings(t, &silent, past), map[string]string{"thumbedge": "degraded"})
	})
	t.Run("told by storage URLs alone", func(t *testing.T) {
		found := findings(t, s.file, "http://"+front(t, s.url, rightHost, rightProto, "proxy_hide_header Cache-Status;").Address)
		wantVerdicts(t, found, map[string]string{"thumbedge": "ok"})
	})
	t.Run("a loop", func(t *testing.T) {
		found := findings(t, s.file, "http://"+front(t, s.url, "return 301 http://$http_host$request_uri;").Address)
		wantVerdicts(t, found, map[string]string{"site": "redirects without end", "thumbedge": "unknown", "host": "unknown", "scheme": "unknown", "route URLs": "unknown"})
		if err := found["site"].Err; err == nil || !strings.Contains(err.Error(), "X-Forwarded-Proto") {
			t.Errorf("site: %v names no way out", err)
		}
	})
	t.Run("a loop that never repeats", func(t *testing.T) {
		found := findings(t, s.file, "http://"+front(t, s.url, "return 302 http://$http_host$request_uri&again;").Address+"/api/v2/captures/?x")
		wantVerdicts(t, found, map[string]string{"site": "redirects without end"})
	})
	t.Run("one redirect", func(t *testing.T) {
		found := findings(t, s.file, "http://"+front(t, s.url, "return 301 "+target+"$request_uri;").Address)
		wantVerdicts(t, found, map[string]string{"site": "ok", "host": "ok", "route URLs": "ok"})
	})
	t.Run("a redirect to nowhere", func(t *testing.T) {
		found := findings(t, s.file, "http://"+front(t, s.url, "return 301 http://127.0.0.1:1$request_uri;").Address)
		wantVerdicts(t, found, map[string]string{"site": "which does not answer"})
	})
	for name, c := range map[string]struct{ directive, want string }{
		"400":                {"return 400;", "The app has to be told the Host"},
		"401":                {"return 401;", "that anyone may see"},
		"404":                {"return 404;", "give the URL of a page"},
		"502":                {"return 502;", "does not reach thumbedge"},
		"no JSON":            {"default_type text/html; return 200 '<p>';", "is no page"},
		"a cache before it":  {"add_header Age 33;", "must not be cached"},
		"nothing to rewrite": {"default_type application/json; return 200 '{}';", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := findings(t, s.file, "http://"+front(t, s.url, rightHost, c.directive).Address)
			if c.want == "" {
				wantVerdicts(t, found, map[string]string{"site": "ok", "route URLs": "degraded"})
				return
			}
			wantVerdicts(t, found, map[string]string{"site": c.want})
		})
	}
	for target, want := range map[string]string{
		"antenna.example.org":       "no http(s) URL",
		"ftp://antenna.example.org": "no http(s) URL",
		"http://127.0.0.1:1/":       "does not answer",
	} {
		wantVerdicts(t, findings(t, s.file, target), map[string]string{"site": want, "route URLs": "unknown"})
	}
}
