package program_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// The keys, the address and the tokens of the private galleries in these tests.
const (
	firstKey  = "first-first-first-first-first-32"
	secondKey = "second-second-second-second-32by"

	publicURL = "https://thumbs.example"
	owner     = "Token owner"
	stranger  = "Token stranger"
)

// signing gives the site private storage on the file system, and keys.
func signing(s *site) {
	s.file.Server.PublicURL = publicURL
	s.file.Signing.Keys = []string{firstKey}
	s.file.Storage.Private.Driver, s.file.Storage.Private.Root = config.DriverFilesystem, s.TempDir()
}

// onPrivateS3 puts private thumbnails into another bucket of a real S3 server.
func onPrivateS3(s *site) {
	onS3(s)
	signing(s)
	private := testenv.PrivateS3(s.T)
	p := &s.file.Storage.Private
	p.Driver, p.Root = config.DriverS3, ""
	p.Bucket, p.Endpoint, p.Region, p.PathStyle = private.Name, private.Endpoint, private.Region, true
	p.AccessKey, p.SecretKey = private.AccessKey, private.SecretKey
}

// newPrivateSite is a site with a draft project (2), its owner, and a stranger, who is a
// member of nothing. New captures belong to the draft.
func newPrivateSite(t *testing.T, options ...siteOption) *site {
	t.Helper()
	s := newSite(t, append([]siteOption{signing}, options...)...)
	s.exec(`INSERT INTO sample_token (token, name) VALUES ('owner', 'Owner'), ('stranger', 'Stranger')`)
	s.exec(`INSERT INTO sample_member (token, project_id) VALUES ('owner', 2)`)
	s.project = 2
	s.pair("TESTSITE")
	if !s.unstarted {
		s.signs()
	}
	return s
}

// pair has the database bear an identity of the site, as migrate up does.
func (s *site) pair(identity string) {
	s.Helper()
	s.exec(`INSERT INTO thumbedge.site (storage, identity, system_identifier, database_name, schema_name, made_at)
		SELECT 'storage', $1, system_identifier::text, current_database(), 'public', now() FROM pg_control_system()
		ON CONFLICT (storage) DO UPDATE SET identity = excluded.identity`, identity)
}

// signs waits until thumbedge knows which site it is.
func (s *site) signs() {
	s.Helper()
	s.eventually("thumbedge signs", func() bool { return s.log.count("private galleries are on") > 0 })
}

// as gets a page for whom a header names, and fails unless it is 200.
func (s *site) as(who, target string) (*http.Response, string) {
	s.Helper()
	var header []string
	if who != "" {
		header = []string{"Authorization", who}
	}
	response, body := s.get(s.url+target, header...)
	if response.StatusCode != http.StatusOK {
		s.Fatalf("%s is %s for %q: %s", target, response.Status, who, body)
	}
	return response, string(body)
}

const draftList = "/api/v2/captures/?project_id=2&limit=100"

// signedLabels returns the signed URLs of the captures list as somebody gets it, as paths on
// this thumbedge, by capture and label.
func (s *site) signedLabels(who string) map[int64]map[string]string {
	s.Helper()
	_, body := s.as(who, draftList)
	found := s.thumbnailsOf([]byte(body))
	for _, labels := range found {
		for label, target := range labels {
			path, ok := strings.CutPrefix(target, publicURL)
			if !ok || !strings.Contains(target, "&signature=") {
				s.Fatalf("the page shows %s", target)
			}
			labels[label] = path
		}
	}
	return found
}

// signedOf returns the signed URL of a capture's small label, as the owner gets it.
func (s *site) signedOf(capture int64) string {
	s.Helper()
	target := s.signedLabels(owner)[capture]["small"]
	if target == "" {
		s.Fatalf("capture %d is not signed", capture)
	}
	return target
}

// warmed makes the small label of captures, by what the owner's page shows.
func (s *site) warmed(captures ...int64) {
	s.Helper()
	for _, id := range captures {
		if response, body := s.get(s.url + s.signedOf(id)); response.StatusCode != http.StatusOK {
			s.Fatalf("capture %d: %s %s", id, response.Status, body)
		}
	}
}

var anySignature = regexp.MustCompile(`signature=|X-Amz-Signature|expires=\d`)

// keepsSecrets fails where a signature or a presigned query got into the log, or to the
// app.
func (s *site) keepsSecrets() {
	s.Helper()
	if text := s.log.all(); anySignature.MatchString(text) {
		s.Errorf("the log holds a signature:\n%.2000s", text[max(0, anySignature.FindStringIndex(text)[0]-300):])
	}
	for _, path := range []string{"/metrics", "/readyz", "/cache"} {
		if _, body := s.get("http://" + s.program.AdminAddr() + path); anySignature.Match(body) || strings.Contains(string(body), firstKey) {
			s.Errorf("%s holds a secret:\n%s", path, body)
		}
	}
}

// A member sees thumbnails of a draft, nobody else does, and the app hears of none.
func TestPrivateGallery(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]siteOption{"filesystem": signing, "s3": onPrivateS3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPrivateSite(t, option)
			ids := s.captures(3)
			_, first := s.as(owner, draftList)
			for range 2 { // cold, then warm
				for id, labels := range s.signedLabels(owner) {
					if len(labels) != 3 {
						t.Errorf("capture %d has %d labels", id, len(labels))
					}
					response, body := s.get(s.url + labels["small"])
					if name == "s3" {
						location := response.Header.Get("Location")
						if response.StatusCode != http.StatusFound || !strings.Contains(location, "X-Amz-Signature") {
							t.Fatalf("capture %d: %s %s", id, response.Status, location)
						}
						response, body = s.get(location)
						if bare, _ := s.get(location[:strings.IndexByte(location, '?')]); bare.StatusCode < 400 {
							t.Errorf("the bucket gives it without a signature: %s", bare.Status)
						}
					}
					if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "image/jpeg" || len(body) < 100 ||
						!strings.HasPrefix(response.Header.Get("Cache-Control"), "private") || !strings.Contains(response.Header.Get("Cache-Control"), "no-transform") {
						t.Errorf("capture %d: %s, %v", id, response.Status, response.Header)
					}
				}
			}
			if _, again := s.as(owner, draftList); again != first {
				t.Error("the page changed within a quantum")
			}
			if n := s.queries.during(func() { s.as(owner, draftList) }); n != 0 {
				t.Errorf("a warm page took %d queries", n)
			}
			if got := s.app.Counters(); got.Thumbnail != 0 || got.Renders != 0 {
				t.Errorf("the app saw %d requests for thumbnails, and rendered %d", got.Thumbnail, got.Renders)
			}
			if n := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail`); n != 0 {
				t.Errorf("%d rows in the app's table", n)
			}
			for _, who := range []string{"", stranger} {
				if _, body := s.as(who, draftList); strings.Contains(body, "signature") || strings.Contains(body, `"id":`) {
					t.Errorf("%q sees %s", who, body)
				}
			}
			if response, body := s.get(s.route(ids[0], "?label=small")); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("without a signature: %s %s", response.Status, body)
			}
			s.keepsSecrets()
		})
	}
}
