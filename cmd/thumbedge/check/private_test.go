package check_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// private looks at private storage alone, and says what is wrong; "" for nothing.
func private(t *testing.T, file *config.File) string {
	t.Helper()
	f, looked := run(t, file)["private storage"]
	switch {
	case !looked:
		return "not looked at"
	case f.Err != nil:
		return f.Err.Error()
	case f.Degraded || f.Unknown:
		return "degraded: " + f.Fact
	}
	return ""
}

// A private file that is to be had without a signature is found out, wherever it is.
func TestPrivateStorage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pair()
	if said := private(t, s.file); said != "not looked at" {
		t.Errorf("where there is none: %s", said)
	}
	folder := func(root string) *config.File {
		file := *s.file
		file.Storage.Private.Driver, file.Storage.Private.Root = config.DriverFilesystem, root
		return &file
	}
	bucket := func(b testenv.Bucket) *config.File {
		file := *s.file
		p := &file.Storage.Private
		p.Driver, p.Bucket, p.Region, p.Endpoint, p.PathStyle = config.DriverS3, b.Name, b.Region, b.Endpoint, true
		p.AccessKey, p.SecretKey = b.AccessKey, b.SecretKey
		return &file
	}
	root := t.TempDir()
	served := httptest.NewServer(http.FileServer(http.Dir(root)))
	t.Cleanup(served.Close)
	behind := folder(root)
	behind.Server.PublicURL = served.URL
	elsewhere := folder(root)
	elsewhere.Server.PublicURL = "http://127.0.0.1:1"
	secret := bucket(testenv.PrivateS3(t))
	secret.Storage.Private.SecretKey = "x"
	same := bucket(testenv.S3(t))
	same.Storage.Driver, same.Storage.Bucket, same.Storage.Region, same.Storage.Endpoint = config.DriverS3, same.Storage.Private.Bucket, same.Storage.Private.Region, same.Storage.Private.Endpoint
	same.Storage.AccessKey, same.Storage.SecretKey, same.Storage.PathStyle, same.Storage.Location = same.Storage.Private.AccessKey, same.Storage.Private.SecretKey, true, ""
	for _, c := range []struct {
		what string
		file *config.File
		want string
	}{
		{"a folder that nobody serves", elsewhere, "have not been paired yet"},
		{"a bucket that nobody may read", bucket(testenv.PrivateS3(t)), "have not been paired yet"},
		{"a bucket that anybody may read", bucket(testenv.S3(t)), "anyone may read its files"},
		{"a folder that the site serves", behind, "anyone may read its files"},
		{"the public bucket, under another name", same, "it is the public storage"},
		{"no rights", secret, "putting a file"},
	} {
		if said := private(t, c.file); !strings.Contains(said, c.want) {
			t.Errorf("%s: it says %q, not %q", c.what, said, c.want)
		}
	}
}
