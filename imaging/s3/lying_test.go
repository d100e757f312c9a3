package s3_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// before puts a handler before a server, which a real one does not do.
func before(t *testing.T, handle http.HandlerFunc) *s3.Storage {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return open(t, config(testenv.Bucket{Endpoint: server.URL, Name: "bucket", Region: "us-east-1", AccessKey: "a", SecretKey: "s"}))
}

// TestOnlyWhatIsThereIsConfirmed: a server that answers 200 and stores nothing, or
// something else, in all the ways in which that can look like a success.
func TestOnlyWhatIsThereIsConfirmed(t *testing.T) {
	t.Parallel()
	const page = "<!doctype html><title>Back soon</title>"
	for name, handle := range map[string]http.HandlerFunc{
		"a maintenance page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) },
		"a maintenance page as nginx serves files": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"65f1c5a0-27"`)
			fmt.Fprint(w, page)
		},
		"nothing at all": func(http.ResponseWriter, *http.Request) {},
		"an error in the body of a 200": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>InternalError</Code></Error>`)
		},
		"a picture of the same length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
			if r.Method == http.MethodGet {
				fmt.Fprint(w, "PICTURE")
			}
		},
		"half of it": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				fmt.Fprint(w, "pict")
			}
		},
		"more than it": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				fmt.Fprint(w, "picture and more")
			}
		},
		"accepted, and not there": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `<Error><Code>NoSuchKey</Code></Error>`)
			}
		},
		"write-only keys": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusForbidden)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := before(t, handle).Put(t.Context(), key, []byte("picture")); err == nil {
				t.Error("confirmed")
			} else {
				t.Log(err)
			}
		})
	}
}

// TestHealthyServersAreBelieved: a real server, whose ETag is changed on the way to what
// other healthy servers say. One request is enough where it is the MD5.
func TestHealthyServersAreBelieved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		etag     func(md5 string, body []byte) string
		requests int64
	}{
		"as it is":               {func(etag string, _ []byte) string { return etag }, 1},
		"in upper case":          {func(etag string, _ []byte) string { return strings.ToUpper(etag) }, 1},
		"without quotes":         {func(etag string, _ []byte) string { return strings.Trim(etag, `"`) }, 1},
		"SSE-KMS: no MD5":        {func(_ string, body []byte) string { return `"` + digits(body)[:32] + `"` }, 2},
		"as of several parts":    {func(etag string, _ []byte) string { return strings.TrimSuffix(etag, `"`) + `-1"` }, 2},
		"SHA-256, as some do it": {func(_ string, body []byte) string { return digits(body) }, 2},
		"no ETag":                {func(string, []byte) string { return "" }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucket := testenv.S3(t)
			target, err := url.Parse(bucket.Endpoint)
			if err != nil {
				t.Fatal(err)
			}
			var requests atomic.Int64
			var body []byte
			proxy := &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) {
					r.SetURL(target)
					r.Out.Host = r.In.Host
				},
				ModifyResponse: func(r *http.Response) error {
					if r.Request.Method == http.MethodPut {
						etag := c.etag(r.Header.Get("ETag"), body)
						if r.Header.Del("ETag"); etag != "" {
							r.Header["Etag"] = []string{etag}
						}
					}
					return nil
				},
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				if r.Method == http.MethodPut {
					body, _ = io.ReadAll(r.Body)
					r.Body = io.NopCloser(bytes.NewReader(body))
				}
				proxy.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			cfg := config(bucket)
			cfg.Endpoint = server.URL
			if err := open(t, cfg).Put(t.Context(), key, []byte("picture")); err != nil {
				t.Errorf("not confirmed: %v", err)
			}
			if n := requests.Load(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

func digits(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
