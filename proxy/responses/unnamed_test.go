package responses

import "testing"

// What a header bears on, however it is spelled; and what is another one each time, or
// tells of nothing, leaves what is kept to all.
func TestWhatUnnamedHeadersBearOn(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bearing{
		"X-HTTP-Method-Override": overrides, "x_http_method_override": overrides, "X-Original-Anything": overrides, "X-Forwarded": overrides,
		"Forwarded-For": overrides, "X-Proxy-URL": overrides, "X-Middleware-Subrequest": overrides,
		"CF-IPCountry": tells, "cloudfront-viewer-country": tells, "HX-Request": tells, "X-Requested-With": tells, "Next-Url": tells,
		"CF-Ray": bearsNothing, "X": bearsNothing, "Cf": bearsNothing, "Accept": bearsNothing, "User-Agent": bearsNothing, "Test-ID": bearsNothing,
		"X-Request-Id": bearsNothing, "X-Csrftoken": bearsNothing, "Cookie": bearsNothing,
		// Claims of proxies are in the key, or do not reach the app.
		"X-Forwarded-Host": bearsNothing, "X-Original-URL": bearsNothing, "CF-Connecting-IP": bearsNothing, "CF-Visitor": bearsNothing,
	} {
		if got := bearingOf([]byte(name)); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
