package s3_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func fetch(t *testing.T, url string) (status int, text string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestPresignedURLsWork(t *testing.T) {
	t.Parallel()
	cfg := config(testenv.S3(t))
	cfg.Presign = time.Hour
	s := open(t, cfg)
	odd := "odd/a b+c&d=\"ä\"~'.jpg"
	for _, key := range []string{key, odd} {
		if err := s.Put(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
		urls := s.StorageURLs()
		url := urls.Of(key)
		if left := time.Until(urls.Expires); left < 30*time.Minute || left > time.Hour {
			t.Errorf("%v left", left)
		}
		if status, text := fetch(t, url); status != http.StatusOK || text != key {
			t.Errorf("%s: status %d, %q", url, status, text)
		}
		if status, _ := fetch(t, strings.Replace(url, "X-Amz-Expires=3600", "X-Amz-Expires=3601", 1)); status != http.StatusForbidden {
			t.Errorf("a URL that was tampered with: status %d", status)
		}
	}
}

func TestOriginalsInADeploymentsBucket(t *testing.T) {
	t.Parallel()
	b := testenv.S3(t)
	cfg := config(b)
	cfg.Location = ""
	if err := open(t, cfg).Put(t.Context(), "trap 1/night.jpg", []byte("original")); err != nil {
		t.Fatal(err)
	}
	bucket := thumb.Bucket{Name: b.Name, Prefix: "trap 1/", AccessKey: b.AccessKey, SecretKey: b.SecretKey, EndpointURL: b.Endpoint}
	url, err := s3.Buckets{}.Presign(t.Context(), bucket, "trap 1/night.jpg", 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if status, text := fetch(t, url); status != http.StatusOK || text != "original" {
		t.Errorf("%s: status %d, %q", url, status, text)
	}
	bucket.SecretKey = "wrong"
	if url, err = (s3.Buckets{}).Presign(t.Context(), bucket, "trap 1/night.jpg", time.Minute); err != nil {
		t.Fatal(err)
	}
	if status, _ := fetch(t, url); status != http.StatusForbidden {
		t.Errorf("with a wrong key: status %d", status)
	}
}

func TestAddressesOfDeploymentsBuckets(t *testing.T) {
	t.Parallel()
	keys := thumb.Bucket{Name: "moths", AccessKey: "AK", SecretKey: "SK"}
	for name, c := range map[string]struct {
		edit func(*thumb.Bucket)
		want string // "": an error
	}{
		"AWS":             {func(*thumb.Bucket) {}, "https://moths.s3.us-east-1.amazonaws.com/a/b.jpg?"},
		"AWS elsewhere":   {func(b *thumb.Bucket) { b.Region = "ca-central-1" }, "https://moths.s3.ca-central-1.amazonaws.com/a/b.jpg?"},
		"another server":  {func(b *thumb.Bucket) { b.EndpointURL = "https://objects.example/" }, "https://objects.example/moths/a/b.jpg?"},
		"no bucket":       {func(b *thumb.Bucket) { b.Name = "" }, ""},
		"no keys":         {func(b *thumb.Bucket) { b.SecretKey = "" }, ""},
		"not an endpoint": {func(b *thumb.Bucket) { b.EndpointURL = "file:///etc/passwd" }, ""},
	} {
		bucket := keys
		c.edit(&bucket)
		url, err := s3.Buckets{}.Presign(t.Context(), bucket, "a/b.jpg", 5*time.Minute)
		if (err != nil) != (c.want == "") || !strings.HasPrefix(url, c.want) {
			t.Errorf("%s: %q, %v; want %q", name, url, err, c.want)
		}
	}
}
