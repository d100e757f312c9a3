package program_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestPrivateGalleryTellsNoSecrets: of a run with private thumbnails on S3, in which things go
// well and then wrong, neither the log at debug, nor metrics, readiness, the warm set's state,
// the status page, an explanation or a failure's text holds a signature, a presigned query or
// a key.
func TestPrivateGalleryTellsNoSecrets(t *testing.T) {
	t.Parallel()
	var link *testenv.FaultyLink
	s := newPrivateSite(t, unstarted, onPrivateS3, with(func(f *config.File) {
		f.Server.Admin.Token, f.Log.Access, f.Source.RetryAfter = adminToken, true, time.Second
		endpoint, err := url.Parse(f.Storage.Private.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		link = testenv.Toxiproxy(t, endpoint.Host)
		f.Storage.Private.Endpoint = "http://" + link.Address
	}))
	ids := s.captures(5)
	bucketed, broken := ids[3], ids[4]
	s.exec(`WITH source AS (INSERT INTO main_s3storagesource (name, bucket, region, prefix, access_key, secret_key, endpoint_url)
			VALUES ('traps', $2, 'us-east-1', '', $3, 'MARKbucket', $4) RETURNING id),
		deployment AS (INSERT INTO main_deployment (name, project_id, data_source_id) SELECT 'trap', 2, id FROM source RETURNING id)
		UPDATE main_sourceimage SET public_base_url = NULL, deployment_id = deployment.id FROM deployment WHERE main_sourceimage.id = $1`,
		bucketed, s.bucket.Name, s.bucket.AccessKey, s.bucket.Endpoint)
	s.exec(`UPDATE main_sourceimage SET public_base_url = 'http://who:MARKbase@127.0.0.1:9/' WHERE id = $1`, broken)
	all := startTold(s)
	s.eventually("it signs", func() bool {
		_, body := s.as(owner, draftList)
		return strings.Contains(body, "&signature=")
	})

	secrets := []string{"MARK", "X-Amz-Signature", "X-Amz-Credential", "signature=", "expires=", firstKey, s.file.Storage.Private.SecretKey}
	shown := s.signedLabels(owner)
	failing := 0
	for range 2 { // cold, then warm
		for _, id := range ids {
			for _, label := range []string{"small", "medium"} {
				target := shown[id][label]
				signature := target[strings.LastIndex(target, "=")+1:]
				secrets = append(secrets, signature)
				response, _ := s.get(s.url + target)
				if location := response.Header.Get("Location"); location != "" {
					presigned, err := url.Parse(location)
					if err != nil {
						t.Fatal(err)
					}
					secrets = append(secrets, presigned.Query().Get("X-Amz-Signature"))
				} else {
					failing++
					all.hears(http.MethodGet, s.url+target)
				}
				for _, bad := range []string{strings.Replace(target, "label=", "label=x", 1), target + "&signature=" + signature, strings.Replace(target, "signature=", "Signature=", 1)} {
					all.hears(http.MethodGet, s.url+bad)
				}
				all.hears(http.MethodHead, s.url+target+"0")
				all.hears(http.MethodPost, s.url+target)
			}
		}
	}
	if failing == 0 || len(secrets) < 7+2*5*2+6 {
		t.Errorf("%d requests failed, %d secrets are known", failing, len(secrets))
	}
	operators := func() {
		admin := "http://" + s.program.AdminAddr()
		for _, path := range []string{"/", "/status", "/metrics", "/healthz", "/readyz", "/cache", "/cache/captures/1", "/cache/responses", "/explain/1",
			fmt.Sprint("/explain/", bucketed), fmt.Sprint("/explain/", broken), "/nope"} {
			all.ask(http.MethodGet, admin+path, "Authorization", "Bearer "+adminToken)
		}
	}
	operators()
	link.Down() // private storage is away
	s.exec(`UPDATE main_sourceimage SET last_modified = now()`)
	for _, id := range ids {
		all.hears(http.MethodGet, s.url+shown[id]["small"])
	}
	all.asksEverything(ids, adminToken)
	operators()
	all.holdsNone(secrets...)
}

// hears asks thumbedge for something secret, and keeps what it answers, but for where a valid
// signature leads.
func (s *told) hears(method, target string) {
	s.Helper()
	response, body := s.do(method, target, nil)
	if response.StatusCode == http.StatusFound {
		response.Header.Del("Location")
	}
	fmt.Fprintf(&s.answers, "%s: %s %v %s\n", method, response.Status, response.Header, body)
}
