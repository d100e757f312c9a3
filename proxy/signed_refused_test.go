package proxy

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What is not a valid signature counts for nothing: the app decides, and does not see it.
func TestBadSignatureIsNone(t *testing.T) {
	t.Parallel()
	p, a, signer := startSigned(t, scripted(), &scriptedRenderer{}, nil)
	now := time.Now()
	good := signedTarget(signer, idDraftWarm, "small", testProject, now)
	expires, signature, _ := strings.Cut(good[strings.Index(good, "expires="):], "&")
	plain := testRoute + "11/?label=small"
	for name, target := range map[string]string{
		"none":                       plain,
		"another capture's":          strings.Replace(good, "/11/", "/12/", 1),
		"another label's":            strings.Replace(good, "small", "medium", 1),
		"another project's":          signedTarget(signer, idDraftWarm, "small", testProject+1, now),
		"another site's":             signedTarget(testSigner(t, "STAGING"), idDraftWarm, "small", testProject, now),
		"expired":                    signedTarget(signer, idDraftWarm, "small", testProject, now.Add(-2*time.Hour)),
		"an expiry that was edited":  plain + "&" + expires[:len(expires)-1] + "9&" + signature + "x"[1:],
		"expires twice":              plain + "&" + expires + "&" + expires + "&" + signature,
		"signature twice":            plain + "&" + expires + "&" + signature + "&" + signature,
		"a name in another spelling": plain + "&%65xpires=" + expires[8:] + "&" + signature,
		"a key that is guessed":      plain + "&" + expires + "&signature=" + strings.Repeat("A", 43),
	} {
		before := len(a.Seen())
		got := p.Exchange(wiretest.Get(target))
		if statusOf(got) != "400" || !strings.HasSuffix(got, "says app: ") || len(a.Seen()) != before+1 {
			t.Errorf("%s: %s", name, got)
			continue
		}
		label := "small"
		if name == "another label's" {
			label = "medium"
		}
		id := 11
		if name == "another capture's" {
			id = 12
		}
		if line, _, _ := strings.Cut(a.Seen()[before], "\r\n"); line != fmt.Sprintf("GET %s%d/?label=%s HTTP/1.1", testRoute, id, label) {
			t.Errorf("%s: the app was sent %s", name, line)
		}
		leaked(t, p, a, got)
	}
	if n := count(p.metrics.signatures.valid); n != 0 {
		t.Errorf("%d were valid", n)
	}
	if invalid, expired := count(p.metrics.signatures.invalid), count(p.metrics.signatures.expired); invalid < 5 || expired < 4 || invalid+expired != 10 {
		t.Errorf("%d invalid, %d expired or malformed", invalid, expired)
	}
}

// Requests that only some app could take for a route URL, and those that are refused, take
// no signature further either.
func TestSignatureInOddRequests(t *testing.T) {
	t.Parallel()
	p, a, signer := startSigned(t, scripted(), &scriptedRenderer{}, func(cfg *Config, _ *Deps) { cfg.Server.MaxRequestBody = 10 })
	good := signedTarget(signer, idDraftWarm, "small", testProject, time.Now())
	_, query, _ := strings.Cut(good, "?")
	var answers []string
	for _, raw := range []string{
		"POST " + good + " HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n",
		"OPTIONS " + good + " HTTP/1.1\r\nHost: site.test\r\n\r\n",
		wiretest.Get(testRoute + "?" + query),
		wiretest.Get("/api/v2/captures//thumbnails/11/?" + query),
		wiretest.Get("/api/v2/captures/thumbnails/11/more/?" + query),
		wiretest.Get("/api/v2/captures/thumbnails%2F11/?" + query),
		"GET " + good + " HTTP/1.1\r\nHost: site.test\r\nContent-Length: 100\r\n\r\n",
		"GET http://site.test" + good + " HTTP/1.1\r\nHost: site.test\r\nContent-Length: 100\r\n\r\n",
		wiretest.Get(testRoute + "0/?" + query),
		wiretest.Get(testRoute + "11/?label=unheard_of&" + query),
	} {
		got, _ := p.Dial().Send(strings.Replace(raw, "Host:", "Connection: close\r\nHost:", 1)).Rest()
		answers = append(answers, got)
	}
	leaked(t, p, a, answers...)
	if !strings.Contains(p.log.String(), "uri=") {
		t.Error("no access log was written")
	}
}

// While nobody can say whose draft it is, a signature is neither valid nor none: it gets
// nothing, and the app, which would render the draft into public storage, is not asked.
func TestSignatureThatCannotBeVerified(t *testing.T) {
	t.Parallel()
	resolver := scripted()
	resolver.err = fmt.Errorf("reading: %w", thumb.ErrDatabase)
	var known atomic.Bool
	p, a, signer := startSigned(t, resolver, &scriptedRenderer{}, func(_ *Config, deps *Deps) {
		known.Store(true)
		inner := deps.Signer
		deps.Signer = func() *signing.Signer {
			if !known.Load() {
				return nil
			}
			return inner()
		}
	})
	for name, target := range map[string]string{
		"the database is away":             signedTarget(signer, 99, "small", testProject, time.Now()),
		"another replica has a label more": signedTarget(signer, idDraftWarm, "xl", testProject, time.Now()),
		"the site's identity is not known": signedTarget(signer, idDraftWarm, "small", testProject, time.Now()),
		"the same, and nothing rendered":   signedTarget(signer, idDraftCold, "small", testProject, time.Now()),
	} {
		known.Store(!strings.Contains(name, "same") && !strings.Contains(name, "identity"))
		got := p.Exchange(wiretest.Get(target))
		if statusOf(got) != "503" || joinedField(got, "Retry-After") == "" || joinedField(got, "Cache-Control") != "no-store" {
			t.Errorf("%s: %s", name, got)
		}
		leaked(t, p, a, got)
	}
	if n := len(a.Seen()); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
	if n := count(p.metrics.signatures.unverified); n != 4 {
		t.Errorf("counted %d", n)
	}
}

// Without keys a query is the app's, whatever is in it.
func TestNoSigningLeavesQueriesAlone(t *testing.T) {
	t.Parallel()
	p, a := startThumbnails(t, scripted(), &scriptedRenderer{}, nil)
	target := signedTarget(testSigner(t, testSite), idPrivate, "small", testProject, time.Now())
	p.Exchange(wiretest.Get(target))
	if seen := a.Seen(); len(seen) != 1 || !strings.HasPrefix(seen[0], "GET "+target+" HTTP/1.1\r\n") {
		t.Errorf("the app was sent %q", seen)
	}
}
