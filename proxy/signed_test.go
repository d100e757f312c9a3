package proxy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	testSite    = "TESTSITE"
	testKey     = "a-key-of-thirty-two-bytes-or-more"
	testProject = 3
)

func testSigner(t testing.TB, site string) *signing.Signer {
	t.Helper()
	s, err := signing.New(signing.Config{Keys: []string{testKey}, Lifetime: time.Hour}, site)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Drafts of the tests, by what is known of their private thumbnails.
const idDraftWarm, idDraftCold = 11, 12

// signedTarget is a route URL with a signature by that signer.
func signedTarget(s *signing.Signer, id thumb.ID, label string, project int64, at time.Time) string {
	return string(s.Append(fmt.Appendf(nil, "%s%d/?label=%s&", testRoute, id, label), signing.Permission{ID: id, Label: label, Project: project}, s.Expiry(at)))
}

// startSigned starts a proxy that signs, in front of an app that counts.
func startSigned(t *testing.T, resolver *scriptedResolver, renderer *scriptedRenderer, edit func(*Config, *Deps)) (*testProxy, *wiretest.App, *signing.Signer) {
	t.Helper()
	signer := testSigner(t, testSite)
	draft := verdict(thumb.Warm, thumb.Cold)
	draft.Standing, draft.Project = thumb.Draft, testProject
	resolver.answers[idDraftWarm] = draft
	draft.Verdicts = [thumb.MaxSpecs]thumb.Verdict{thumb.Cold, thumb.Cold}
	resolver.answers[idDraftCold] = draft
	if resolver.expires.IsZero() {
		resolver.expires = time.Now().Add(time.Hour)
	}
	a := wiretest.StartApp(t, wiretest.Answering(appsWord))
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Specs = thumb.Specs{{Label: "small", Width: 240, FallbackOriginal: true}, {Label: "medium", Width: 1024}}
		deps.Resolver, deps.Renderer = resolver, renderer
		deps.Signer = func() *signing.Signer { return signer }
		if edit != nil {
			edit(cfg, deps)
		}
	})
	return p, a, signer
}

// leaked fails where a signature got to the app, into a log or into an answer.
func leaked(t *testing.T, p *testProxy, a *wiretest.App, answers ...string) {
	t.Helper()
	for where, text := range map[string]string{
		"the app": strings.Join(a.Seen(), "\n"), "a log": p.log.String(), "an answer": strings.Join(answers, "\n"),
	} {
		if strings.Contains(text, "ignature=") || strings.Contains(text, "xpires=") {
			t.Errorf("%s got a signature:\n%s", where, text)
		}
	}
}

// A valid signature gets the private thumbnail, and nothing else gets to the app.
func TestValidSignature(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{made: Thumbnail{URL: "https://private.test/made?X-Amz-Signature=x", Expires: time.Now().Add(time.Minute)}}
	p, a, signer := startSigned(t, scripted(), renderer, nil)
	warm := p.Exchange(wiretest.Get(signedTarget(signer, idDraftWarm, "small", testProject, time.Now())))
	cold := p.Exchange(wiretest.Get(signedTarget(signer, idDraftCold, "small", testProject, time.Now())))
	head := p.Exchange("HEAD " + signedTarget(signer, idDraftWarm, "small", testProject, time.Now()) + " HTTP/1.1\r\nHost: site.test\r\n\r\n")
	for what, got := range map[string]string{"/media/11/0.jpg": warm, "https://private.test/made?X-Amz-Signature=x": cold} {
		if statusOf(got) != "302" || joinedField(got, "Location") != what || !strings.HasPrefix(joinedField(got, "Cache-Control"), "private, max-age=") ||
			joinedField(got, "Referrer-Policy") != "no-referrer" || joinedField(got, "X-Content-Type-Options") != "nosniff" {
			t.Errorf("want %s, got %s", what, got)
		}
	}
	if joinedField(cold, "Cache-Control") > "private, max-age=60" {
		t.Errorf("the redirect outlives its target: %s", cold)
	}
	if statusOf(head) != "302" {
		t.Errorf("HEAD: %s", head)
	}
	if got := renderer.called(); got != "private 12/0/3" {
		t.Errorf("the renderer was asked %q", got)
	}
	if n := count(p.metrics.signatures.valid); n != 3 || len(a.Seen()) != 0 {
		t.Errorf("%d signatures were valid, %d requests reached the app", n, len(a.Seen()))
	}
	leaked(t, p, a)
}

// Whatever a private render comes to, it is never the app's, nor the original.
func TestFailuresBehindASignature(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		thumb.ErrBusy: "503", thumb.ErrOriginalUnavailable: "503", thumb.ErrOriginalUnusable: "422", thumb.ErrOriginalForApp: "422",
		thumb.ErrDatabase: "503", thumb.ErrInternal: "503", thumb.ErrUnknownCapture: "404", context.DeadlineExceeded: "503",
	} {
		renderer := &scriptedRenderer{err: fmt.Errorf("rendering: %w", err), original: "https://originals.test/full.jpg"}
		p, a, signer := startSigned(t, scripted(), renderer, nil)
		got := p.Exchange(wiretest.Get(signedTarget(signer, idDraftCold, "small", testProject, time.Now())))
		if statusOf(got) != want || joinedField(got, "Cache-Control") != "no-store" || joinedField(got, "Location") != "" || len(a.Seen()) != 0 {
			t.Errorf("%v: want %s, got %s; the app saw %d", err, want, got, len(a.Seen()))
		}
		leaked(t, p, a, got)
	}
}

// What could not be kept is sent, and kept nowhere.
func TestUnkeptPrivateThumbnail(t *testing.T) {
	t.Parallel()
	p, _, signer := startSigned(t, scripted(), &scriptedRenderer{made: Thumbnail{JPEG: []byte("jpeg")}}, nil)
	got := p.Exchange(wiretest.Get(signedTarget(signer, idDraftCold, "small", testProject, time.Now())))
	if statusOf(got) != "200" || wiretest.Body(got) != "jpeg" || joinedField(got, "Cache-Control") != "private, no-store, no-transform" {
		t.Errorf("got %s", got)
	}
}

// A capture that is public by now is answered for as any other, signature or not.
func TestSignatureOfWhatIsPublicNow(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{made: Thumbnail{URL: "/media/rendered.jpg"}}
	p, a, signer := startSigned(t, scripted(), renderer, nil)
	for id, want := range map[thumb.ID]string{idWarm: "/media/1/0.jpg", idCold: "/media/rendered.jpg"} {
		if got := p.Exchange(wiretest.Get(signedTarget(signer, id, "small", testProject, time.Now()))); statusOf(got) != "302" || joinedField(got, "Location") != want {
			t.Errorf("%d: %s", id, got)
		}
	}
	if n := len(a.Seen()); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
	leaked(t, p, a)
}

// What changed between the look-up and the render counts.
func TestSignatureOfWhatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	draft := verdict(thumb.Cold, thumb.Cold)
	draft.Standing, draft.Project = thumb.Draft, testProject
	for name, c := range map[string]struct {
		private error
		fresh   thumb.Known
		want    string
		atApp   int
	}{
		"it turned public":            {thumb.ErrPublic, verdict(thumb.Cold, thumb.Cold), "/media/rendered.jpg", 0},
		"it turned public, and back":  {thumb.ErrPublic, draft, "503 Service Unavailable", 0},
		"it is another project's now": {thumb.ErrNotPublic, draft, "says app: ", 1}, // and the signature is none
	} {
		resolver := scripted()
		resolver.fresh[idDraftCold] = c.fresh
		renderer := &scriptedRenderer{made: Thumbnail{URL: "/media/rendered.jpg"}, privateErr: c.private}
		p, a, signer := startSigned(t, resolver, renderer, nil)
		got := p.Exchange(wiretest.Get(signedTarget(signer, idDraftCold, "small", testProject, time.Now())))
		if !strings.Contains(got, c.want) || len(a.Seen()) != c.atApp {
			t.Errorf("%s: %d requests reached the app, got %s", name, len(a.Seen()), got)
		}
		leaked(t, p, a, got)
	}
}

// privateFiles are files of private storage that lie on this machine.
type privateFiles map[string]string

func (f privateFiles) Open(key string) (File, error) {
	text, ok := f[key]
	if !ok {
		return nil, fmt.Errorf("opening: %w", thumb.ErrFileMissing)
	}
	return privateFile{strings.NewReader(text)}, nil
}

type privateFile struct{ *strings.Reader }

func (privateFile) Close() error        { return nil }
func (privateFile) Modified() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// Private files that lie here are served here: whole, in part, by condition, and never for
// longer than the signature lives.
func TestPrivateFiles(t *testing.T) {
	t.Parallel()
	files := privateFiles{"11/0.jpg": "0123456789", "made.jpg": "made"}
	renderer := &scriptedRenderer{made: Thumbnail{Key: "made.jpg"}}
	p, a, signer := startSigned(t, scripted(), renderer, func(_ *Config, deps *Deps) { deps.PrivateFiles = files })
	target := signedTarget(signer, idDraftWarm, "small", testProject, time.Now())
	with := func(method, lines string) string {
		got, _ := p.Dial().Send(method + " " + target + " HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n" + lines + "\r\n").Rest()
		return got
	}
	whole := with("GET", "")
	tag, modified := joinedField(whole, "ETag"), joinedField(whole, "Last-Modified")
	if wiretest.Body(whole) != "0123456789" || joinedField(whole, "Cache-Control") != "private, no-transform, max-age=300" ||
		joinedField(whole, "Content-Type") != "image/jpeg" || joinedField(whole, "Referrer-Policy") != "no-referrer" {
		t.Errorf("whole: %s", whole)
	}
	for name, c := range map[string]struct{ method, lines, status, body string }{
		"HEAD":                   {"HEAD", "", "200", ""},
		"a range":                {"GET", "Range: bytes=2-4\r\n", "206", "234"},
		"a range of what it has": {"GET", "Range: bytes=2-4\r\nIf-Range: " + tag + "\r\n", "206", "234"},
		"a range by date":        {"GET", "Range: bytes=2-4\r\nIf-Range: " + modified + "\r\n", "206", "234"},
		"a range of another":     {"GET", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n", "200", "0123456789"},
		"a range behind the end": {"GET", "Range: bytes=20-\r\n", "416", ""},
		"what it has":            {"GET", "If-None-Match: " + tag + "\r\n", "304", ""},
		"what it has, by date":   {"GET", "If-Modified-Since: " + modified + "\r\n", "304", ""},
		"another":                {"GET", "If-None-Match: \"other\"\r\n", "200", "0123456789"},
		"only another":           {"GET", "If-Match: \"other\"\r\n", "412", ""},
	} {
		got := with(c.method, c.lines)
		if statusOf(got) != c.status || wiretest.Body(got) != c.body {
			t.Errorf("%s: %s", name, got)
		}
		if cc := joinedField(got, "Cache-Control"); cc != "private, no-transform, max-age=300" && cc != "no-store" {
			t.Errorf("%s: Cache-Control %s", name, cc)
		}
	}
	if got := p.Exchange(wiretest.Get(signedTarget(signer, idDraftCold, "small", testProject, time.Now()))); wiretest.Body(got) != "made" {
		t.Errorf("rendered: %s", got)
	}
	empty, other, _ := startSigned(t, scripted(), renderer, func(_ *Config, deps *Deps) { deps.PrivateFiles = privateFiles{} })
	if got := empty.Exchange(wiretest.Get(target)); statusOf(got) != "503" {
		t.Errorf("a file that is gone: %s", got)
	}
	if n := len(a.Seen()) + len(other.Seen()); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
	leaked(t, p, a)
}
