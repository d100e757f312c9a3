package proxy

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A page must not be kept for longer than the signed URLs in it work.
func TestSignedURLsBoundTheLifetime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	captures := warmCaptures()
	captures.writeURLs(thumb.StorageURLs{Signer: signer("0"), Expires: now.Add(10 * time.Minute)})
	var control atomic.Value
	control.Store("")
	p, _ := startPages(t, captures, uncached, func(request string) string {
		lines := []string{"Expires: " + string(fasthttp.AppendHTTPDate(nil, now.Add(24*time.Hour)))}
		if control := control.Load().(string); control != "" {
			lines = append(lines, "Cache-Control: "+control)
		}
		body := thumbnailsOf(1)
		if strings.Contains(request, "cold") {
			body = thumbnailsOf(6)
		}
		return jsonAnswer(body, lines...)
	})
	answer := conditional(p, "GET")
	if joinedField(answer, "Cache-Control") != "" {
		t.Errorf("a lifetime was invented: %q", answer)
	}
	at, err := fasthttp.ParseHTTPDate([]byte(joinedField(answer, "Expires")))
	if err != nil || at.After(now.Add(10*time.Minute)) || at.Before(now.Add(8*time.Minute)) {
		t.Errorf("Expires is %q, %v", joinedField(answer, "Expires"), err)
	}
	control.Store("public, max-age=86400")
	var age int
	answer = conditional(p, "GET")
	if _, err := fmt.Sscanf(joinedField(answer, "Cache-Control"), "public, max-age=%d", &age); err != nil || age >= 600 || age < 500 {
		t.Errorf("Cache-Control is %q", joinedField(answer, "Cache-Control"))
	}
	if answer := p.Exchange(wiretest.Get("/api/v2/captures/?cold")); joinedField(answer, "Cache-Control") != control.Load() {
		t.Errorf("the lifetime of an untouched page became %q", joinedField(answer, "Cache-Control"))
	}
}

// Every field that gives a lifetime is clamped, those for some caches too.
func TestEveryLifetimeIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for line, want := range map[string]string{
		"cdn-cache-control: max-age=86400":                  "max-age=100",
		"Cloudflare-CDN-Cache-Control: s-maxage=50, public": "s-maxage=50, public",
		"Surrogate-Control: max-age=3600, stale-if-error=9": "max-age=100",
		"Surrogate-Control: max-age=3600+600":               "max-age=0",
		"X-Accel-Expires: 3600":                             "100",
		"X-Accel-Expires: @1900000000":                      "@1800000100",
		"X-Accel-Expires: 7":                                "7",
		"X-Accel-Expires: off":                              "0",
		"X-Cache-Control-Of-Mine: max-age=9999":             "max-age=9999",
	} {
		name, value, _ := strings.Cut(line, ": ")
		var h wire.Header
		h.Add(name, value)
		clampLifetime(&h, now.Add(101*time.Second), now)
		if got := string(h.Peek(name)); got != want {
			t.Errorf("%s became %q, want %q", line, got, want)
		}
	}
}

func TestClampedCacheControl(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"max-age=60":                      "max-age=60",
		"max-age=600":                     "max-age=100",
		"max-age=0, private":              "max-age=0, private",
		`private="a",s-maxage="700"`:      `private="a", s-maxage=100`,
		"Max-Age=99999999999999999999999": "Max-Age=100",
		"max-age=soon":                    "max-age=0",
		"max-age=-5":                      "max-age=0",
		"max-age=9, stale-while-revalidate=600, stale-if-error=5, immutable, must-revalidate": "max-age=9, must-revalidate",
		"no-store": "no-store",
		"":         "",
	} {
		if got := string(appendClamped(nil, []byte(line), 100)); got != want {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
	var h wire.Header
	h.Set("Cache-Control", "max-age=5")
	if clampLifetime(&h, time.Unix(100, 0), time.Unix(200, 0)); string(h.Peek("Cache-Control")) != "max-age=0" {
		t.Errorf("with an URL that has expired it is %q", h.Peek("Cache-Control"))
	}
}
