package program_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// refusedTo fails unless a target gives a stranger nothing: no picture, no redirect to one.
// What answers is the app, which was sent no signature.
func (s *site) refused(what, target string, header ...string) {
	s.Helper()
	response, body := s.get(s.url+target, header...)
	if response.StatusCode < 400 || response.Header.Get("Location") != "" || response.Header.Get("Content-Type") == "image/jpeg" {
		s.Errorf("%s: %s %v %.100s", what, response.Status, response.Header, body)
	}
}

// A signature is worth nothing for anything but what it was made for, however it is
// spelled.
func TestMovedAndEditedSignatures(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	ids := s.captures(2)
	s.warmed(ids...)
	good := s.signedOf(ids[0])
	path, query, _ := strings.Cut(good, "?")
	values := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	expires, signature := values["expires"], values["signature"]
	with := func(expires, signature string) string { return path + "?label=small&" + expires + "&" + signature }
	e, sig := "expires="+expires, "signature="+signature
	flipped := signature[:10] + string('A'+(signature[10]-'A'+1)%26) + signature[11:]
	for what, target := range map[string]string{
		"another capture":             strings.Replace(good, fmt.Sprint("/", ids[0], "/"), fmt.Sprint("/", ids[1], "/"), 1),
		"another label":               strings.Replace(good, "label=small", "label=medium", 1),
		"no label":                    strings.Replace(good, "label=small&", "label=large&", 1),
		"an expiry a second later":    with("expires="+expires[:len(expires)-1]+"7", sig),
		"an expiry far away":          with("expires=9999999999", sig),
		"no expiry":                   path + "?label=small&" + sig,
		"an expiry twice":             with(e+"&"+e, sig),
		"an expiry with zeros":        with("expires=0"+expires, sig),
		"an expiry with a sign":       with("expires=%2B"+expires, sig),
		"an expiry as a float":        with("expires="+expires+".0", sig),
		"an expiry, escaped":          with("expires=%3"+expires[:1]+expires[1:], sig),
		"its name escaped":            with("%65xpires="+expires, sig),
		"its name in capitals":        with("Expires="+expires, sig),
		"a signature twice":           with(e, sig+"&"+sig),
		"a signature and another":     with(e, sig+"&signature=x"),
		"a signature, escaped":        with(e, "signature=%"+fmt.Sprintf("%x", signature[0])+signature[1:]),
		"a signature, padded":         with(e, sig+"="),
		"a signature with a bit more": with(e, sig+"A"),
		"a signature cut":             with(e, sig[:len(sig)-1]),
		"a signature with one byte":   with(e, "signature="+flipped),
		"no signature":                with(e, "signature="),
		"after semicolons":            path + "?label=small;" + e + ";" + sig,
		"in a path of its own":        path + "x/?" + query,
		"on the capture itself":       fmt.Sprintf("/api/v2/captures/%d/?%s", ids[0], query),
		"on the file in public media": fmt.Sprintf("/media/thumbnails/capture_%d/small.jpg?%s", ids[0], query),
	} {
		s.refused(what, target)
	}
	if response, _ := s.get(s.url + good); response.StatusCode != http.StatusOK {
		t.Fatalf("the right one: %s", response.Status)
	}
	// Whoever has it, whatever else they say.
	for _, who := range []string{stranger, "Token made-up", "Basic eDp5"} {
		if response, _ := s.get(s.url+good, "Authorization", who, "Cookie", "sessionid=forged", "Host", "evil.example"); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", who, response.Status)
		}
	}
	s.keepsSecrets()
}

// Logged out or not: once its time is over, a URL gives nothing.
func TestSignatureEnds(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, with(func(file *config.File) { file.Signing.Lifetime = 10 * time.Second }))
	id := s.capture()
	s.warmed(id)
	target := s.signedOf(id)
	response, _ := s.get(s.url + target)
	var life int
	if _, err := fmt.Sscanf(response.Header.Get("Cache-Control"), "private, no-transform, max-age=%d", &life); err != nil || life > 10 {
		t.Errorf("the picture is kept for longer: %s", response.Header.Get("Cache-Control"))
	}
	s.eventually("it ends", func() bool {
		response, _ := s.get(s.url + target)
		return response.StatusCode == http.StatusUnauthorized
	})
	s.refused("the same URL afterwards", target)
	s.keepsSecrets()
}

// A guess is a guess: it costs no render, and the app sees a plain request.
func TestGuessedKeys(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	id := s.capture()
	before := s.app.Counters().Thumbnail
	const guesses = 40
	for i := range guesses {
		s.refused("a guess", fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=small&expires=%d&signature=%043d", id, time.Now().Unix()+1000, i))
	}
	if n := s.metric(`thumbedge_signatures_total{outcome="invalid"}`); n != guesses {
		t.Errorf("%v were counted", n)
	}
	if n := s.app.Counters(); n.Thumbnail != before+guesses || n.Renders != 0 {
		t.Errorf("%+v", n)
	}
	if n := one[int](s, `SELECT count(*) FROM thumbedge.private_thumbnail`); n != 0 {
		t.Errorf("%d were rendered", n)
	}
	s.keepsSecrets()
}

// Another site has the same keys: its signatures are none here, nor ours there.
func TestStagingWithTheSameKeys(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	id := s.capture()
	s.warmed(id)
	good := s.signedOf(id)
	staging := newPrivateSite(t)
	staging.exec(`UPDATE thumbedge.site SET identity = 'STAGING'`)
	other := staging.capture()
	staging.exec(`UPDATE main_sourceimage SET id = $1 WHERE id = $2`, id, other)
	staging.eventually("staging signs as itself", func() bool { return staging.log.count("private galleries are on") == 2 })
	staging.refused("production's at staging", good)
	s.refused("staging's at production", staging.signedOf(id))
	if response, _ := s.get(s.url + good); response.StatusCode != http.StatusOK {
		t.Errorf("its own: %s", response.Status)
	}
}

// A dump that was restored elsewhere bears the original's identity: nothing is signed for it.
func TestRestoredDumpSignsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, signing, func(s *site) {
		s.exec(`INSERT INTO thumbedge.site (storage, identity, system_identifier, database_name, schema_name, made_at)
			VALUES ('storage', 'TESTSITE', '1', 'another', 'public', now())`)
	})
	s.exec(`INSERT INTO sample_token (token, name) VALUES ('owner', 'Owner')`)
	s.exec(`INSERT INTO sample_member (token, project_id) VALUES ('owner', 2)`)
	s.project = 2
	s.capture()
	s.eventually("it is noticed", func() bool { return s.log.count("made for another database") > 0 })
	if _, body := s.as(owner, draftList); strings.Contains(body, "signature") || !strings.Contains(body, `"thumbnails":null`) {
		t.Errorf("the page is %s", body)
	}
	if _, body := s.get("http://" + s.program.AdminAddr() + "/readyz"); !strings.Contains(string(body), "reconcile --adopt") {
		t.Errorf("readyz: %s", body)
	}
}

// What a client wrote into a field of its own is no way to a draft, nor is a page of
// another kind.
func TestIDsThatClientsWrote(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	draft := s.capture()
	s.project = 1
	public := s.capture()
	const mine = `{"notes": {"results": [{"id": %d, "thumbnails": null}], "id": %[1]d, "thumbnails": null, "first_capture": {"id": %[1]d, "thumbnails": null}}}`
	target := fmt.Sprintf("%s/api/v2/captures/%d/", s.url, public)
	response, body := s.do(http.MethodPatch, target, strings.NewReader(fmt.Sprintf(mine, draft)), "Authorization", stranger, "Content-Type", "application/json")
	if response.StatusCode != http.StatusOK || strings.Contains(string(body), "signature") {
		t.Fatalf("%s %s", response.Status, body)
	}
	for _, target := range []string{fmt.Sprintf("/api/v2/captures/%d/", public), "/api/v2/captures/?project_id=1", "/api/v2/captures/"} {
		for _, who := range []string{stranger, ""} {
			if _, body := s.as(who, target); strings.Contains(body, "signature") || !strings.Contains(body, fmt.Sprint(`"id": `, draft)) && !strings.Contains(body, fmt.Sprint(`"id":`, draft)) {
				t.Errorf("%s for %q: %s", target, who, body)
			}
		}
	}
	// Nor for the owner, to whom the app says nothing of the kind there.
	if _, body := s.as(owner, fmt.Sprintf("/api/v2/captures/%d/", public)); strings.Contains(body, "signature") {
		t.Errorf("the owner's: %s", body)
	}
}

// A forged cookie makes nobody a member.
func TestForgedCookie(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	id := s.capture()
	for _, target := range []string{draftList, fmt.Sprintf("/api/v2/captures/%d/", id)} {
		if _, body := s.get(s.url+target, "Cookie", "sessionid=forged; csrftoken=x"); strings.Contains(string(body), "signature") {
			t.Errorf("%s: %s", target, body)
		}
	}
}

// What the client says of its host is in no URL that is signed.
func TestHostIsNotSigned(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	s.capture()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+draftList, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	request.Header.Set("Authorization", owner)
	request.Header.Set("X-Forwarded-Host", "worse.example")
	request.Header.Set("Forwarded", "host=worst.example")
	response, err := noRedirects.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(body), publicURL+"/api/v2/captures/thumbnails/"); n != 3 || strings.Count(string(body), "signature=") != 3 {
		t.Errorf("%s", body)
	}
}

// A capture that leaves its project takes no signature with it: to another draft, to none,
// or out of the database.
func TestMovedCapture(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	s.exec(`INSERT INTO main_project (id, name, draft) VALUES (3, 'another draft', true)`)
	for what, change := range map[string]string{
		"to another draft": `UPDATE main_sourceimage SET project_id = 3 WHERE id = $1`,
		"to no project":    `UPDATE main_sourceimage SET project_id = NULL WHERE id = $1`,
		"deleted":          `DELETE FROM main_sourceimage WHERE id = $1`,
	} {
		id := s.capture()
		s.warmed(id)
		good := s.signedOf(id)
		s.exec(change, id)
		s.caughtUp()
		s.refused(what, good)
	}
	s.keepsSecrets()
}

// A capture without a project is no draft's: its null stays.
func TestProjectlessCapture(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	id := s.capture()
	s.exec(`UPDATE main_sourceimage SET project_id = NULL WHERE id = $1`, id)
	if _, body := s.as(owner, fmt.Sprintf("/api/v2/captures/%d/", id)); !strings.Contains(body, `"thumbnails":null`) {
		t.Errorf("the page is %s", body)
	}
}

// Keys are swapped and removed while URLs are out: two replicas take each other's as long
// as both know the key, and a key that is gone is gone.
func TestRotationOfKeys(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	id := s.capture()
	s.warmed(id)
	keys := func(keys ...string) *site {
		other := s.another(func(file *config.File) { file.Signing.Keys = keys })
		other.log = s.log
		other.signs()
		other.eventually("it signs", func() bool { return other.signedLabels(owner)[id] != nil })
		return other
	}
	both, swapped, without := keys(firstKey, secondKey), keys(secondKey, firstKey), keys(secondKey)
	old, fresh := s.signedOf(id), swapped.signedOf(id)
	if old != both.signedOf(id) || old == fresh || fresh != without.signedOf(id) {
		t.Error("the first key does not sign alone")
	}
	for name, c := range map[string]struct {
		at     *site
		target string
		taken  bool
	}{
		"old at both": {both, old, true}, "old where swapped": {swapped, old, true}, "new at both": {both, fresh, true},
		"new where the old is gone": {without, fresh, true}, "old where it is gone": {without, old, false}, "new where it has not come": {s, fresh, false},
	} {
		if response, _ := c.at.get(c.at.url + c.target); (response.StatusCode == http.StatusOK) != c.taken {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
	if _, body := s.get("http://" + without.program.AdminAddr() + "/readyz"); !strings.Contains(string(body), "keys ") || strings.Contains(string(body), secondKey) {
		t.Errorf("readyz: %s", body)
	}
}
