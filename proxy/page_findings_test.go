package proxy

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What was found in a page that is kept says nothing of what is warm: each answer is the
// one that the app's own, just now, would have become.
func TestFindingsAreOfTheBodyAlone(t *testing.T) {
	t.Parallel()
	comments := `"},{"id":9,"comment":"` + strings.Repeat("a long comment, ", 1000) + `","x":"`
	text := strings.Replace(thumbnailsOf(1, 2, 9), `"},{"id":9,`, comments+`"},{"id":9,`, 1)
	for name, c := range map[string]struct{ coding, control string }{
		"plain":     {"", "max-age=60"},
		"gzip":      {"gzip", "max-age=60"},
		"brotli":    {"br", "max-age=60"},
		"validated": {"gzip", "max-age=0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			captures := warmCaptures()
			lines := []string{"Cache-Control: " + c.control, `ETag: "app"`}
			if c.coding != "" {
				lines = append(lines, "Content-Encoding: "+c.coding)
			}
			answer := jsonAnswer(pack(t, c.coding, text), lines...)
			respond := func(request string) string {
				if strings.Contains(request, "If-None-Match") {
					return "HTTP/1.1 304 Not Modified\r\nETag: \"app\"\r\nCache-Control: " + c.control + "\r\n\r\n"
				}
				return answer
			}
			kept, a := startPages(t, captures, nil, respond)
			alone, _ := startPages(t, captures, func(cfg *Config, _ *Deps) { cfg.Responses.Enabled = false }, respond)
			want := func() (bodies []string) {
				for _, p := range []*testProxy{kept, alone} {
					answer := p.Exchange(ask(pageTarget, "Accept-Encoding: gzip, br"))
					bodies = append(bodies, unpack(t, answer)+joinedField(answer, "ETag")+joinedField(answer, "Content-Encoding"))
				}
				return bodies
			}
			for i, change := range []func(){
				func() {}, func() {},
				func() { captures.set(1, thumb.Cold, thumb.Warm) },
				func() { captures.set(9, thumb.Warm, thumb.Warm) },
				func() { captures.writeURLs(thumb.StorageURLs{Base: "/media/"}) },
				func() { captures.set(1); captures.set(2); captures.set(9) },
				func() { captures.set(2, thumb.Warm, thumb.Warm) },
			} {
				change()
				for n := range 4 { // so that the page is finished by the next change
					if bodies := want(); bodies[0] != bodies[1] {
						t.Errorf("answer %d after change %d: out of memory %q, from the app %q", n, i, bodies[0], bodies[1])
					}
				}
			}
			if asked := strings.Count(strings.Join(a.Seen(), ""), "If-None-Match"); len(a.Seen()) != 1+asked {
				t.Errorf("the app was asked %d times, %d of them whether it holds", len(a.Seen()), asked)
			}
			state := kept.server.Responses().State()
			if least := int64(len(text)); state.Used < least || c.coding == "" && state.Used > 3*least || state.Entries != 1 {
				t.Errorf("it takes %d bytes, in %d entries", state.Used, state.Entries)
			}
		})
	}
}

// Two requests that the app is told the same of may have route URLs of other authorities
// accepted: what one found is not the other's.
func TestFindingsAreOfOneHost(t *testing.T) {
	t.Parallel()
	p, a := startPages(t, warmCaptures(), func(cfg *Config, _ *Deps) { cfg.Upstream.PreserveHost = false }, func(string) string {
		return jsonAnswer(strings.ReplaceAll(thumbnailsOf(1), "site.test", "other.test"), "Cache-Control: max-age=60")
	})
	direct := "GET " + pageTarget + " HTTP/1.1\r\nHost: other.test\r\n\r\n"
	forwarded := ask(pageTarget, "X-Forwarded-Host: other.test")
	for i, request := range []string{forwarded, direct, forwarded, direct} {
		rewritten := strings.Contains(wiretest.Body(p.Exchange(request)), "cdn.test")
		if want := request == forwarded; rewritten != want {
			t.Errorf("request %d: rewritten: %v", i, rewritten)
		}
	}
	if n := len(a.Seen()); n != 1 {
		t.Errorf("the app was asked %d times, want once", n)
	}
}
