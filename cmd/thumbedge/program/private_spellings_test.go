package program_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// respelled puts what the request's id_as says, in which # is the id, in the place of an id
// that has a null: an app that writes ids as no app should.
func respelled(s *site) {
	app, err := url.Parse(s.appURL)
	if err != nil {
		s.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(app)
	forward.ModifyResponse = func(response *http.Response) error {
		as := response.Request.URL.Query().Get("id_as")
		id := response.Request.URL.Query().Get("id_of")
		if as == "" {
			return nil
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte(`"id":`+id+`,`), []byte(strings.ReplaceAll(as, "#", id)+","))
		response.Body = io.NopCloser(bytes.NewReader(body))
		response.ContentLength = int64(len(body))
		response.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	server := httptest.NewServer(forward)
	s.Cleanup(server.Close)
	s.file.Upstream.URL = server.URL
}

// Only one plain integer is a capture's id. Whatever else the app writes there, nothing is
// signed, and the page stays as the app wrote it.
func TestSpellingsOfIDs(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t, respelled)
	id := s.capture()
	page := func(as string) string {
		_, body := s.as(owner, fmt.Sprintf("%s&id_of=%d&id_as=%s", draftList, id, url.QueryEscape(as)))
		return body
	}
	if body := page(`"id":#`); strings.Count(body, "signature=") != 3 {
		t.Fatalf("as it is: %s", body)
	}
	for what, as := range map[string]string{
		"a string":           `"id":"#"`,
		"a float":            `"id":#.0`,
		"an exponent":        `"id":#e0`,
		"negative":           `"id":-#`,
		"2^63":               `"id":9223372036854775808`,
		"null":               `"id":null`,
		"in a list":          `"id":[#]`,
		"twice":              `"id":#,"id":#`,
		"twice, once quoted": `"id":"x","id":#`,
		"escaped":            `"\u0069d":#`,
		"twice, one escaped": `"id":#,"i\u0064":#`,
	} {
		if body := page(as); strings.Contains(body, "signature") || !strings.Contains(body, strings.ReplaceAll(as, "#", fmt.Sprint(id))+",") || !strings.Contains(body, `"thumbnails":null`) {
			t.Errorf("%s: %s", what, body)
		}
	}
	s.keepsSecrets()
}

// A private file answers HEAD, Range and conditions as a file does, and nothing of that
// lets a stranger in.
func TestPrivateFileRequests(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	id := s.capture()
	s.warmed(id)
	target := s.signedOf(id)
	full, body := s.get(s.url + target)
	tag := full.Header.Get("ETag")
	if full.StatusCode != http.StatusOK || tag == "" {
		t.Fatalf("%s %v", full.Status, full.Header)
	}
	ask := func(method string, header ...string) (*http.Response, []byte) {
		return s.do(method, s.url+target, nil, header...)
	}
	if head, none := ask(http.MethodHead); head.StatusCode != http.StatusOK || len(none) != 0 || head.ContentLength != int64(len(body)) {
		t.Errorf("HEAD: %s, %d bytes of %d", head.Status, len(none), head.ContentLength)
	}
	for what, c := range map[string]struct {
		header []string
		status int
		body   []byte
	}{
		"a range":                       {[]string{"Range", "bytes=2-9"}, http.StatusPartialContent, body[2:10]},
		"a range behind the end":        {[]string{"Range", "bytes=99999999-"}, http.StatusRequestedRangeNotSatisfiable, nil},
		"a range if it is still that":   {[]string{"Range", "bytes=2-9", "If-Range", tag}, http.StatusPartialContent, body[2:10]},
		"a range if it were another":    {[]string{"Range", "bytes=2-9", "If-Range", `"other"`}, http.StatusOK, body},
		"none that it has already":      {[]string{"If-None-Match", tag}, http.StatusNotModified, nil},
		"none that it has, another tag": {[]string{"If-None-Match", `"other"`}, http.StatusOK, body},
	} {
		response, got := ask(http.MethodGet, c.header...)
		if response.StatusCode != c.status || c.body != nil && !bytes.Equal(got, c.body) {
			t.Errorf("%s: %s, %d bytes", what, response.Status, len(got))
		}
		if control := response.Header.Get("Cache-Control"); c.status < 400 && !strings.HasPrefix(control, "private") {
			t.Errorf("%s: Cache-Control %q", what, control)
		}
		s.refused(what+" without a signature", fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=small", id), c.header...)
	}
	s.keepsSecrets()
}

// A project that was public in between keeps what was signed before, as SECURITY.md says,
// and what was signed still lets nobody at anything else.
func TestSignatureFromBeforeAFlip(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	ids := s.captures(2)
	s.warmed(ids...)
	before := s.signedOf(ids[0])
	for _, draft := range []bool{false, true} {
		s.exec(`UPDATE main_project SET draft = $1 WHERE id = 2`, draft)
		s.caughtUp()
	}
	if response, _ := s.get(s.url + before); response.StatusCode != http.StatusOK {
		t.Errorf("back again: %s", response.Status)
	}
	s.refused("another capture", strings.Replace(before, fmt.Sprint("/", ids[0], "/"), fmt.Sprint("/", ids[1], "/"), 1))
	s.keepsSecrets()
}
