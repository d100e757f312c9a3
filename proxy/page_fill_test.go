package proxy

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// fillingRenderer says which labels are not to be had.
type scriptedFilling struct {
	Renderer
	away   bool
	failed map[thumb.ID]string // positions, as digits
}

func (f *scriptedFilling) PrivateReady() bool { return !f.away }
func (f *scriptedFilling) Failed(id thumb.ID, position int) bool {
	return strings.Contains(f.failed[id], fmt.Sprint(position))
}

// drafts of these tests: 11 is warm, 12 cold; 1 is public, 4 private for good, 5 missing.
func draftCaptures() *knownCaptures {
	k := warmCaptures()
	for id, verdict := range map[thumb.ID]thumb.Verdict{11: thumb.Warm, 12: thumb.Cold} {
		k.answers[id] = thumb.Known{Standing: thumb.Draft, Project: testProject, Verdicts: [thumb.MaxSpecs]thumb.Verdict{verdict, verdict}}
	}
	return k
}

// startFilling starts a proxy that signs, before an app that answers as it is told.
func startFilling(t *testing.T, resolver Resolver, renderer *scriptedFilling, respond func(request string) string) (*testProxy, *wiretest.App, *signing.Signer) {
	t.Helper()
	signer := testSigner(t, testSite)
	p, a := startPages(t, resolver, func(cfg *Config, deps *Deps) {
		cfg.Server.PublicURL = "https://site.example/"
		cfg.Server.Compress = true
		deps.Renderer = renderer
		deps.Signer = func() *signing.Signer { return signer }
	}, respond)
	return p, a, signer
}

const member = "Authorization: Token abc\r\n"

func getAs(who, target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: worse.example\r\n" + who + "\r\n"
}

func nullOf(ids ...int) string {
	var captures []string
	for _, id := range ids {
		captures = append(captures, fmt.Sprintf(`{"id":%d,"thumbnails":null}`, id))
	}
	return `{"count":7,"results":[` + strings.Join(captures, ",") + `]}`
}

var signedURL = regexp.MustCompile(`"(small|medium)":"(https://site\.example/api/v2/captures/thumbnails/(\d+)/\?label=(\w+)&expires=\d+&signature=[\w-]{43})"`)

// verifyAll fails unless every signed URL of a body gives what it says, and nothing is
// signed twice or otherwise. It returns "id/label" of each.
func verifyAll(t *testing.T, signer *signing.Signer, body string) (labels []string) {
	t.Helper()
	for _, found := range signedURL.FindAllStringSubmatch(body, -1) {
		id, _ := thumb.ParseID(found[3])
		_, sig := signing.Take([]byte(found[2]))
		if found[1] != found[4] || sig == nil || !signer.Verify(sig, signing.Permission{ID: id, Label: found[4], Project: testProject}, time.Now()) {
			t.Errorf("%s does not verify", found[0])
		}
		labels = append(labels, found[3]+"/"+found[4])
	}
	if strings.Count(body, "signature") != len(labels) || strings.Contains(body, "evil") || strings.Contains(body, "worse") {
		t.Errorf("what is signed here? %s", body)
	}
	return labels
}

// A member's page shows signed URLs for drafts, and is that member's alone.
func TestNullsAreFilled(t *testing.T) {
	t.Parallel()
	control := "public, max-age=86400, s-maxage=9, no-store, stale-while-revalidate=60"
	p, _, signer := startFilling(t, draftCaptures(), &scriptedFilling{failed: map[thumb.ID]string{11: "0", 12: "1"}}, func(string) string {
		return jsonAnswer(nullOf(11, 12, 1, 4, 5, 99), "ETag: \"a\"", "Cache-Control: "+control, "CDN-Cache-Control: max-age=60", "Surrogate-Control: max-age=60",
			"X-Accel-Expires: 60", "Vary: Accept", "Last-Modified: Mon, 23 Nov 2026 02:41:32 GMT")
	})
	got := p.Exchange(getAs(member, pageTarget))
	body := wiretest.Body(got)
	// 11's small has failed but is there, so it is shown; 12's medium has failed, so it is not.
	if labels := verifyAll(t, signer, body); strings.Join(labels, " ") != "11/small 11/medium 12/small" {
		t.Errorf("signed %s in %s", labels, body)
	}
	plain := signedURL.ReplaceAllString(body, "*")
	if want := `{"count":7,"results":[{"id":11,"thumbnails":{*,*}},{"id":12,"thumbnails":{*}},{"id":1,"thumbnails":null},{"id":4,"thumbnails":null},{"id":5,"thumbnails":null},{"id":99,"thumbnails":null}]}`; plain != want {
		t.Errorf("body %s", plain)
	}
	var seconds int
	if _, err := fmt.Sscanf(joinedField(got, "Cache-Control"), "private, max-age=%d, no-store", &seconds); err != nil || seconds > 3600 || seconds < 1700 || strings.HasSuffix(joinedField(got, "Cache-Control"), "60") {
		t.Errorf("Cache-Control: %s", joinedField(got, "Cache-Control"))
	}
	if vary := joinedField(got, "Vary"); !strings.Contains(vary, "Accept") || !strings.Contains(vary, "Authorization") || !strings.Contains(vary, "Cookie") {
		t.Errorf("Vary: %s", vary)
	}
	for _, name := range []string{"CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires", "Last-Modified"} {
		if joinedField(got, name) != "" {
			t.Errorf("%s is left: %s", name, joinedField(got, name))
		}
	}
	if joinedField(got, "Referrer-Policy") != "no-referrer" || !strings.HasSuffix(joinedField(got, "ETag"), `-s-a"`) {
		t.Errorf("head: %s", got)
	}
	// The same again, to the byte; and not again to who has it.
	if again := p.Exchange(getAs(member, pageTarget)); wiretest.Body(again) != body || joinedField(again, "ETag") != joinedField(got, "ETag") {
		t.Errorf("polled: %s", again)
	}
	same, _ := p.Dial().Send(getAs(member+"Connection: close\r\nIf-None-Match: "+joinedField(got, "ETag")+"\r\n", pageTarget)).Rest()
	if statusOf(same) != "304" || !strings.HasPrefix(joinedField(same, "Cache-Control"), "private") || !strings.Contains(joinedField(same, "Vary"), "Cookie") {
		t.Errorf("conditional: %s", same)
	}
	if n := count(p.metrics.filled); n != 9 {
		t.Errorf("%d labels were counted, want 9", n)
	}
	if strings.Contains(p.log.String(), "signature") {
		t.Errorf("logged: %s", p.log.String())
	}
}

// What may not be filled goes out as the app wrote it, byte for byte.
func TestNullsThatStay(t *testing.T) {
	t.Parallel()
	page := nullOf(11, 12)
	broken := draftCaptures()
	broken.err = thumb.ErrDatabase
	for name, c := range map[string]struct {
		who, target, answer string
		resolver            *knownCaptures
		renderer            *scriptedFilling
	}{
		"nobody asks":                {who: ""},
		"an answer that was kept":    {answer: jsonAnswer(page, "Age: 0")},
		"the database is away":       {resolver: broken},
		"private storage is away":    {renderer: &scriptedFilling{away: true}},
		"nothing of it can be had":   {renderer: &scriptedFilling{failed: map[thumb.ID]string{11: "01", 12: "01"}}, resolver: coldDrafts()},
		"collections":                {target: "/api/v2/captures/collections/"},
		"upload":                     {target: "/api/v2/captures/upload/"},
		"something of a capture":     {target: "/api/v2/captures/11/comments/"},
		"an id that is none":         {target: "/api/v2/captures/0/"},
		"an escaped path":            {target: "/api/v2/captures/%31%31/"},
		"without the slash":          {target: "/api/v2/captures/11"},
		"doubled slashes":            {target: "/api/v2//captures/"},
		"events":                     {target: "/api/v2/events/"},
		"an event of a capture's id": {target: "/api/v2/events/11/", answer: jsonAnswer(`{"id":11,"thumbnails":null}`)},
		"another status":             {answer: strings.Replace(jsonAnswer(page), "200 OK", "203 X", 1)},
		"not to be transformed":      {answer: jsonAnswer(page, "Cache-Control: no-transform")},
		"what a client wrote":        {answer: jsonAnswer(`{"results":[{"id":1,"thumbnails":{},"data":{"id":11,"thumbnails":null}}]}`)},
		"an id that is text":         {answer: jsonAnswer(`{"results":[{"id":"11","thumbnails":null}]}`)},
		"an id given twice":          {answer: jsonAnswer(`{"results":[{"id":1,"id":11,"thumbnails":null}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.resolver == nil {
				c.resolver = draftCaptures()
			}
			if c.renderer == nil {
				c.renderer = &scriptedFilling{}
			}
			if c.target == "" {
				c.target = pageTarget
			}
			if name != "nobody asks" {
				c.who = member
			}
			if c.answer == "" {
				c.answer = jsonAnswer(page)
			}
			p, _, _ := startFilling(t, c.resolver, c.renderer, func(string) string { return c.answer })
			got := p.Exchange(getAs(c.who, c.target))
			if wiretest.Body(got) != wiretest.Body(c.answer) || strings.Contains(joinedField(got, "Cache-Control"), "private") || joinedField(got, "Vary") != "" || joinedField(got, "Referrer-Policy") != "" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func coldDrafts() *knownCaptures {
	k := draftCaptures()
	k.answers[11] = k.answers[12]
	return k
}

// Each place where the app shows captures, and only the signatures of a draft's.
func TestPlacesThatAreFilled(t *testing.T) {
	t.Parallel()
	for target, body := range map[string]string{
		"/api/v2/captures/?limit=20": nullOf(11),
		"/api/v2/captures/11/?x":     `{"id":11,"thumbnails":null}`,
		"/api/v2/events/?limit=20":   `{"results":[{"id":5,"example_captures":[{"id":11,"thumbnails":null}]}]}`,
		"/api/v2/events/5/":          `{"id":5,"first_capture":{"id":11,"thumbnails":null}}`,
	} {
		p, _, signer := startFilling(t, draftCaptures(), &scriptedFilling{}, func(string) string { return jsonAnswer(body) })
		for _, who := range []string{member, "Cookie: sessionid=1\r\n"} {
			got := p.Exchange(getAs(who, target))
			if labels := verifyAll(t, signer, wiretest.Body(got)); len(labels) != 2 {
				t.Errorf("%s: %s", target, got)
			}
			if cc := joinedField(got, "Cache-Control"); cc != "private" {
				t.Errorf("%s: Cache-Control %s", target, cc)
			}
		}
	}
}

// A signed page is not compressed for a client with cookies: its size would tell a
// signature apart.
func TestSignedPagesAreNotCompressed(t *testing.T) {
	t.Parallel()
	var ids []int
	for range 40 {
		ids = append(ids, 11)
	}
	p, _, _ := startFilling(t, draftCaptures(), &scriptedFilling{}, func(string) string { return jsonAnswer(nullOf(ids...)) })
	for who, want := range map[string]string{member: "gzip", "Cookie: a=b\r\n": "", member + "Cookie: a=b\r\n": ""} {
		if got := joinedField(p.Exchange(getAs(who+"Accept-Encoding: gzip\r\n", pageTarget)), "Content-Encoding"); got != want {
			t.Errorf("%q: %q", who, got)
		}
	}
}

// Route URLs and nulls of one page are written in its order, by one look at what is known.
func TestNullsBesideRouteURLs(t *testing.T) {
	t.Parallel()
	resolver := draftCaptures()
	resolver.asked = [][]thumb.ID{}
	page := `{"results":[{"id":11,"thumbnails":null},{"thumbnails":{"small":"` + route(1, "small") + `"}},{"thumbnails":null,"id":12}]}`
	p, _, signer := startFilling(t, resolver, &scriptedFilling{}, func(string) string { return jsonAnswer(page) })
	got := wiretest.Body(p.Exchange(getAs(member, pageTarget)))
	want := `{"results":[{"id":11,"thumbnails":{*,*}},{"thumbnails":{"small":"` + route(1, "small") + `"}},{"thumbnails":{*,*},"id":12}]}`
	if plain := signedURL.ReplaceAllString(got, "*"); plain != want {
		t.Errorf("got %s", plain) // Host is not the site's here
	}
	verifyAll(t, signer, got)
	resolver.mu.Lock()
	defer resolver.mu.Unlock()
	if len(resolver.asked) != 1 {
		t.Errorf("asked %v", resolver.asked)
	}
}
