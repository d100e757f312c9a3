package admin_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var tokenField = regexp.MustCompile(`<input type="hidden" name="token" value="([^"]+)">`)

// formToken reads the token from the status page, as a browser does.
func (l *listener) formToken(headers ...string) string {
	l.Helper()
	page := l.request("GET", "/", "", headers...).Body.String()
	found := tokenField.FindStringSubmatch(page)
	if found == nil || len(found[1]) < 20 || strings.Contains(page, "{{") {
		l.Fatalf("the page has no token: %v", found)
	}
	return found[1]
}

// TestFormResizes: what the status page's form sends resizes the warm set and leads
// back to the page; what another site has a browser send, or what names no size,
// changes nothing and is told why.
func TestFormResizes(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	token := l.formToken()
	form := func(token, size string) string {
		return url.Values{"token": {token}, "max_size": {size}}.Encode()
	}
	right := form(token, "32MiB")
	for name, c := range map[string]struct {
		body, path string
		headers    []string
		status     int
		says       string
	}{
		"the page's own":           {right, "/cache", []string{"Origin", "http://127.0.0.1:9090", "Sec-Fetch-Site", "same-origin"}, 303, ""},
		"no browser":               {right, "/cache", nil, 303, ""},
		"no token":                 {"max_size=32MiB", "/cache", nil, 403, "token"},
		"an empty one":             {form("", "32MiB"), "/cache", nil, 403, "token"},
		"a wrong one":              {form(token[1:]+"A", "32MiB"), "/cache", nil, 403, "load the page again"},
		"another process's":        {form(newListener(t, "").formToken(), "32MiB"), "/cache", nil, 403, "token"},
		"the token in the address": {"max_size=32MiB", "/cache?token=" + token, nil, 403, "token"},
		"not a form":               {right, "/cache", []string{"Content-Type", "text/plain"}, 403, "token"},
		"another site's":           {right, "/cache", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403, "another origin"},
		"no origin told":           {right, "/cache", []string{"Origin", "null"}, 403, "another origin"},
		"a rebound name":           {right, "/cache", []string{"Host", "evil.example:9090", "Origin", "http://evil.example:9090"}, 403, "Host"},
		"no size":                  {form(token, ""), "/cache", nil, 400, "max_size"},
		"not a size":               {form(token, "many"), "/cache", nil, 400, "max_size"},
		"too small":                {form(token, "1"), "/cache", nil, 400, "max_size"},
		"not encoded":              {right + "&%zz", "/cache", nil, 400, "form"},
		"endless":                  {right + strings.Repeat("&", 8<<10), "/cache", nil, 400, "form"},
	} {
		if err := l.warm.Resize(64 << 20); err != nil {
			t.Fatal(err)
		}
		headers := append([]string{"Content-Type", "application/x-www-form-urlencoded"}, c.headers...)
		answer := l.request("POST", c.path, c.body, headers...)
		if answer.Code != c.status {
			t.Errorf("%s: %d %s, want %d", name, answer.Code, answer.Body, c.status)
		}
		want := int64(64 << 20)
		if c.status == 303 {
			want = 32 << 20
			if to := answer.Header().Get("Location"); to != "/" {
				t.Errorf("%s leads to %q", name, to)
			}
		} else {
			var told struct{ Detail string }
			if l.into(answer, &told); !strings.Contains(told.Detail, c.says) {
				t.Errorf("%s: it says %q, without %q", name, told.Detail, c.says)
			}
		}
		if size := l.warm.State().MaxSize; size != want {
			t.Errorf("%s: the size is %d, want %d", name, size, want)
		}
	}
}

// Outside loopback the form needs the bearer token as everything does, and its own.
func TestFormOutsideLoopback(t *testing.T) {
	t.Parallel()
	l := newListenerOn(t, "192.0.2.7:9090", "s3cret")
	bearer := []string{"Authorization", "Bearer s3cret", "Content-Type", "application/x-www-form-urlencoded"}
	body := "max_size=32MiB&token=" + l.formToken(bearer...)
	if answer := l.request("POST", "/cache", body, bearer[2:]...); answer.Code != 401 || l.warm.State().MaxSize != 64<<20 {
		t.Errorf("without the bearer token: %d", answer.Code)
	}
	if answer := l.request("POST", "/cache", "max_size=32MiB", bearer...); answer.Code != 403 || l.warm.State().MaxSize != 64<<20 {
		t.Errorf("without the form's token: %d", answer.Code)
	}
	if answer := l.request("POST", "/cache", body, bearer...); answer.Code != 303 || l.warm.State().MaxSize != 32<<20 {
		t.Errorf("with both: %d", answer.Code)
	}
}
