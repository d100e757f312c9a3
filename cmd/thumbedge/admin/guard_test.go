package admin_test

import (
	"testing"
)

// guarded are the paths that not everybody may ask for.
var guarded = []string{"/", "/status", "/cache", "/cache/captures/7", "/explain/7", "/explain?id=7", "/runbook", "/debug/pprof/", "/nowhere"}

func TestGuardOutsideLoopback(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token, sent string
		admitted    bool
	}{
		"no token set":             {"", "", false},
		"no token set, one sent":   {"", "Bearer ", false},
		"none sent":                {"s3cret", "", false},
		"a wrong one":              {"s3cret", "Bearer s3cres", false},
		"another scheme":           {"s3cret", "Basic s3cret", false},
		"the right one":            {"s3cret", "Bearer s3cret", true},
		"the right one and a tail": {"s3cret", "Bearer s3cret2", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newListenerOn(t, "192.0.2.7:9090", c.token)
			l.warmUp(7)
			for _, path := range guarded {
				// A loopback Host is no way in.
				answer := l.request("GET", path, "", "Authorization", c.sent)
				if admitted := answer.Code != 401; admitted != c.admitted {
					t.Errorf("%s: %d", path, answer.Code)
				}
				if !c.admitted && answer.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s: 401 without a word on how", path)
				}
			}
			for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
				if answer := l.request("GET", path, ""); answer.Code != 200 {
					t.Errorf("%s needs a token: %d", path, answer.Code)
				}
			}
		})
	}
}

// Another site's script in a browser on this machine, its name rebound to
// 127.0.0.1, sends its own name as the Host.
func TestGuardAsksForALoopbackHost(t *testing.T) {
	t.Parallel()
	l := newListener(t, "s3cret")
	l.warmUp(7)
	for host, admitted := range map[string]bool{
		"127.0.0.1:9090": true, "127.0.0.1": true, "localhost:9090": true, "LOCALHOST": true, "[::1]:9090": true, "[::1]": true,
		"evil.example:9090": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "192.0.2.7": false, "": false,
	} {
		for _, path := range guarded {
			if answer := l.request("GET", path, "", "Host", host); (answer.Code != 403) != admitted {
				t.Errorf("Host %q, %s: %d", host, path, answer.Code)
			}
		}
		if answer := l.request("GET", "/status", "", "Host", host, "Authorization", "Bearer s3cret"); answer.Code != 200 {
			t.Errorf("Host %q with the token: %d", host, answer.Code)
		}
	}
}

func TestGuardAsksForTheSameOrigin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers  []string
		admitted bool
	}{
		"no browser":             {nil, true},
		"the page itself":        {[]string{"Origin", "http://127.0.0.1:9090", "Sec-Fetch-Site", "same-origin"}, true},
		"another site":           {[]string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, false},
		"an old browser":         {[]string{"Origin", "https://evil.example"}, false},
		"no origin told":         {[]string{"Sec-Fetch-Site", "cross-site"}, false},
		"an opaque origin":       {[]string{"Origin", "null"}, false},
		"another port":           {[]string{"Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-site"}, false},
		"the address bar's name": {[]string{"Origin", "http://localhost:9090", "Sec-Fetch-Site", "cross-site"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newListener(t, "")
			l.warmUp(7)
			l.request("GET", "/cache", "", c.headers...)
			for _, change := range []struct{ method, path, body string }{
				{"PUT", "/cache", `{"max_size":"32MiB"}`}, {"DELETE", "/cache/captures/7", ""}, {"DELETE", "/cache", ""},
			} {
				if answer := l.request(change.method, change.path, change.body, c.headers...); (answer.Code != 403) != c.admitted {
					t.Errorf("%s %s: %d", change.method, change.path, answer.Code)
				}
			}
			if resized := l.warm.State().MaxSize == 32<<20; resized != c.admitted {
				t.Errorf("the warm set is resized: %v", resized)
			}
		})
	}
}
