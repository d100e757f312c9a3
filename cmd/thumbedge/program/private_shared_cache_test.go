package program_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// cacheable has the app call every page public, for every cache: the worst that an app can
// do to its members.
func cacheable(s *site) {
	app, err := url.Parse(s.appURL)
	if err != nil {
		s.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(app)
	forward.ModifyResponse = func(response *http.Response) error {
		for _, name := range []string{"Cache-Control", "CDN-Cache-Control", "Surrogate-Control"} {
			response.Header.Set(name, "public, max-age=600")
		}
		response.Header.Set("X-Accel-Expires", "600")
		response.Header.Del("Vary")
		return nil
	}
	server := httptest.NewServer(forward)
	s.Cleanup(server.Close)
	s.file.Upstream.URL = server.URL
}

// A shared cache before thumbedge, with its defaults, gives no member's page to anybody
// else, even where the app calls it public: nginx looks at no Authorization, and
// X-Accel-Expires counts more with it than Cache-Control; Varnish does so with
// Surrogate-Control. Nor does thumbedge's own.
func TestMembersPageInASharedCache(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, cacheable)
	draft := s.capture()
	s.warmed(draft)
	s.project = 1
	s.capture()
	origin := s.program.Addr()
	nginx := testenv.StartNginx(t, func(address string) string {
		return fmt.Sprintf(`proxy_cache_path %s/cache keys_zone=all:1m;
server { listen %s; location / { proxy_pass http://%s; proxy_set_header Host $http_host; proxy_cache all; add_header X-Cache $upstream_cache_status; } }`,
			t.TempDir(), address, origin)
	})
	for name, front := range map[string]string{"nginx": nginx.Address, "varnish": testenv.Varnish(t, origin), "thumbedge itself": origin} {
		get := func(target string, header ...string) (*http.Response, string) {
			response, body := s.get("http://"+front+target, header...)
			if response.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s %s", name, response.Status, body)
			}
			return response, string(body)
		}
		// It does cache what it may.
		const open = "/api/v2/captures/?project_id=1"
		get(open)
		if response, _ := get(open); name == "nginx" && response.Header.Get("X-Cache") != "HIT" || name == "varnish" && response.Header.Get("Age") == "" {
			t.Errorf("%s keeps nothing: %v", name, response.Header)
		}
		for _, cookie := range []string{"", "a=b"} {
			target := draftList + "&front=" + strings.ReplaceAll(name, " ", "") + "&cookie=" + url.QueryEscape(cookie)
			var header []string
			if cookie != "" {
				header = []string{"Cookie", cookie}
			}
			response, mine := get(target, append(header, "Authorization", owner)...)
			if !strings.Contains(mine, "signature=") || !strings.HasPrefix(response.Header.Get("Cache-Control"), "private") {
				t.Fatalf("%s: the owner's page: %v %s", name, response.Header, mine)
			}
			for _, who := range []string{stranger, ""} {
				again := header
				if who != "" {
					again = append(again, "Authorization", who)
				}
				if response, body := get(target, again...); strings.Contains(body, "signature") || strings.Contains(body, fmt.Sprintf(`"id":%d,`, draft)) {
					t.Errorf("%s gives the owner's page to %q: %v %s", name, who, response.Header, body)
				}
			}
		}
	}
	s.keepsSecrets()
}
