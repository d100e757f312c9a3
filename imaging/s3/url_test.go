package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestPublicURLs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*s3.Config)
		want string
	}{
		"AWS": {func(*s3.Config) {}, "https://moths.s3.eu-central-1.amazonaws.com/uploads/a%20b.jpg"},
		"AWS by path": {func(c *s3.Config) { c.PathStyle = true },
			"https://s3.eu-central-1.amazonaws.com/moths/uploads/a%20b.jpg"},
		"China": {func(c *s3.Config) { c.Region = "cn-north-1" },
			"https://moths.s3.cn-north-1.amazonaws.com.cn/uploads/a%20b.jpg"},
		"a bucket that no certificate covers": {func(c *s3.Config) { c.Bucket = "moths.example" },
			"https://s3.eu-central-1.amazonaws.com/moths.example/uploads/a%20b.jpg"},
		"another server": {func(c *s3.Config) { c.Endpoint = "https://objects.example:443" },
			"https://moths.objects.example/uploads/a%20b.jpg"},
		"another server by path": {func(c *s3.Config) { c.Endpoint, c.PathStyle = "http://minio:9000/", true },
			"http://minio:9000/moths/uploads/a%20b.jpg"},
		"no location": {func(c *s3.Config) { c.Location = "" }, "https://moths.s3.eu-central-1.amazonaws.com/a%20b.jpg"},
		"location that needs escaping": {func(c *s3.Config) { c.Location = "up&loads/" },
			"https://moths.s3.eu-central-1.amazonaws.com/up%26loads/a%20b.jpg"},
		"CDN":               {func(c *s3.Config) { c.PublicBaseURL = "HTTPS://CDN.example:443" }, "https://cdn.example/uploads/a%20b.jpg"},
		"CDN below a path":  {func(c *s3.Config) { c.PublicBaseURL = "https://cdn.example/ami/" }, "https://cdn.example/ami/uploads/a%20b.jpg"},
		"region by default": {func(c *s3.Config) { c.Region = "" }, "https://moths.s3.us-east-1.amazonaws.com/uploads/a%20b.jpg"},
	} {
		cfg := s3.Defaults()
		cfg.Bucket, cfg.Region, cfg.AccessKey, cfg.SecretKey = "moths", "eu-central-1", "AK", "SK"
		c.edit(&cfg)
		urls := open(t, cfg).StorageURLs()
		if urls.Of("a b.jpg") != c.want || !urls.Expires.IsZero() {
			t.Errorf("%s: %s expires %v, want %s", name, urls.Of("a b.jpg"), urls.Expires, c.want)
		}
	}
}

func TestURLsAreAllocationFree(t *testing.T) {
	for name, presign := range map[string]time.Duration{"public": 0, "presigned": time.Hour} {
		cfg := s3.Defaults()
		cfg.Bucket, cfg.AccessKey, cfg.SecretKey, cfg.Presign = "moths", "AK", "SK", presign
		s, buf := open(t, cfg), make([]byte, 0, 1024)
		if n := testing.AllocsPerRun(100, func() { appendURL(s, buf) }); n != 0 {
			t.Errorf("%s: %v allocations for a URL, want none", name, n)
		}
	}
}

// appendURL appends the URL of a file whose key needs escaping, as a page does.
func appendURL(s *s3.Storage, dst []byte) []byte {
	urls := s.StorageURLs()
	return urls.Append(dst, 7, &appWrote, "small", 0)
}

var appWrote = thumb.Known{Paths: &[thumb.MaxSpecs]string{key}}

func TestConfigurationErrorsNameTheirKeys(t *testing.T) {
	t.Parallel()
	err := s3.Config{
		Endpoint: "minio:9000", PublicBaseURL: "https://user@cdn.example/?x", AccessKey: "AK", Location: "/uploads", ACL: "open", Presign: time.Second,
		Timeout: time.Second,
	}.Validate()
	for _, key := range []string{"bucket", "endpoint", "public_base_url", "access_key", "location", "acl", "presign"} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\nstorage."+key+": ") {
			t.Errorf("no word on %s in: %v", key, err)
		}
	}
	if s3.Defaults().Validate() == nil {
		t.Error("no bucket, and no error")
	}
}

func BenchmarkPublicURL(b *testing.B)    { benchmarkURL(b, 0) }
func BenchmarkPresignedURL(b *testing.B) { benchmarkURL(b, time.Hour) }

func benchmarkURL(b *testing.B, presign time.Duration) {
	cfg := s3.Defaults()
	cfg.Bucket, cfg.AccessKey, cfg.SecretKey, cfg.Presign = "moths", "AK", "SK", presign
	s, err := s3.New(b.Context(), cfg, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		appendURL(s, buf)
	}
}
