package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// folder serves files of a real folder, and counts those that are open.
type folder struct {
	root *os.Root
	open atomic.Int64
}

type folderFile struct {
	*os.File
	fs.FileInfo
	folder *folder
}

func (f *folder) Open(key string) (File, error) {
	if key == "thumbnails/broken.jpg" {
		return nil, errors.New("input/output error")
	}
	file, err := f.root.Open(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", thumb.ErrFileMissing, err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, thumb.ErrFileMissing
	}
	f.open.Add(1)
	return folderFile{file, info, f}, nil
}

func (f folderFile) Close() error        { f.folder.open.Add(-1); return f.File.Close() }
func (f folderFile) Size() int64         { return f.FileInfo.Size() }
func (f folderFile) Modified() time.Time { return f.ModTime() }

const (
	fileTarget = "/media/thumbnails/capture_1/small_00000000000000ab.jpg"
	fileText   = "0123456789abcdefghij" // 20 bytes
)

var fileTime = time.Date(2026, 6, 1, 12, 0, 0, 500, time.UTC)

func startFiles(t *testing.T) (*testProxy, *wiretest.App, *folder) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = dir + "/" + name
		if err := os.MkdirAll(name[:strings.LastIndexByte(name, '/')], 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, fileTime, fileTime); err != nil {
			t.Fatal(err)
		}
	}
	write("thumbnails/capture_1/small_00000000000000ab.jpg", fileText)
	write("thumbnails/capture_1/empty.jpg", "")
	write("thumbnails/capture_1/a b.html", "<script>")
	write("thumbnails/large.jpg", strings.Repeat("0123456789", 300_000))
	write("secret.jpg", "secret")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	files := &folder{root: root}
	a := wiretest.StartApp(t, wiretest.Answering(appsWord))
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.FilesPath, cfg.FilesKey = "/media/thumbnails/", "thumbnails/"
		cfg.Server.CORSOrigins = []string{"*"}
		deps.Files = files
	})
	t.Cleanup(func() {
		eventually.Holds(t, "every file is closed", func() bool { return files.open.Load() == 0 })
	})
	return p, a, files
}

func getWith(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: site.test\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// TestOnlyOwnKeysAreImmutable: the app writes small.jpg anew under the same name, so that
// a browser has to ask, and gets the new bytes when they are there.
func TestOnlyOwnKeysAreImmutable(t *testing.T) {
	t.Parallel()
	const appsOwn = "thumbnails/capture_1/small.jpg"
	p, _, files := startFiles(t)
	write := func(text string, at time.Time) {
		t.Helper()
		if err := files.root.WriteFile(appsOwn, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := files.root.Chtimes(appsOwn, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("the first", fileTime)
	w := p.Dial()
	got := w.Send(wiretest.Get("/media/" + appsOwn)).Answer()
	if control := joinedField(got, "Cache-Control"); control != "no-cache" || wiretest.Body(got) != "the first" {
		t.Errorf("the app's own file is kept as %q: %s", control, got)
	}
	tag, modified := joinedField(got, "ETag"), joinedField(got, "Last-Modified")
	for _, condition := range []string{"If-None-Match: " + tag, "If-Modified-Since: " + modified} {
		if again := w.Send(getWith("/media/"+appsOwn, condition)).Answer(); statusOf(again) != "304" || joinedField(again, "Cache-Control") != "no-cache" {
			t.Errorf("unchanged, with %s: %s", condition, again)
		}
	}
	write("the other", fileTime.Add(time.Second)) // of the same length
	for _, condition := range []string{"If-None-Match: " + tag, "If-Modified-Since: " + modified} {
		if again := w.Send(getWith("/media/"+appsOwn, condition)).Answer(); statusOf(again) != "200" || wiretest.Body(again) != "the other" {
			t.Errorf("written anew, with %s: %s", condition, again)
		}
	}
}

func TestStoredFile(t *testing.T) {
	t.Parallel()
	p, a, _ := startFiles(t)
	w := p.Dial()
	got := w.Send(wiretest.Get(fileTarget)).Answer()
	if statusOf(got) != "200" || wiretest.Body(got) != fileText {
		t.Errorf("got %s", got)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "Content-Length": "20", "Cache-Control": "public, max-age=31536000, immutable",
		"X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes", "Last-Modified": "Mon, 01 Jun 2026 12:00:00 GMT", "Vary": "Origin",
	} {
		if joinedField(got, name) != want {
			t.Errorf("%s: %q, want %q", name, joinedField(got, name), want)
		}
	}
	if tag := joinedField(got, "ETag"); len(tag) < 3 || tag[0] != '"' {
		t.Errorf("ETag %q is not a strong one", tag)
	}
	head, err := wiretest.ReadHead(w.Send("HEAD " + fileTarget + " HTTP/1.1\r\nHost: site.test\r\nRange: bytes=0-1\r\n\r\n").Br)
	if err != nil || statusOf(head) != "200" || joinedField(head, "Content-Length") != "20" || joinedField(head, "ETag") != joinedField(got, "ETag") {
		t.Errorf("HEAD: %v %s", err, head)
	}
	// Nothing of the body came: this is the next answer.
	if got := w.Send(wiretest.Get("/media/thumbnails/capture_1/empty.jpg")).Answer(); statusOf(got) != "200" || joinedField(got, "Content-Length") != "0" {
		t.Errorf("an empty file: %s", got)
	}
	if got := w.Send(wiretest.Get("/media/thumbnails/capture_1/a%20b.html")).Answer(); joinedField(got, "Content-Type") != "application/octet-stream" || wiretest.Body(got) != "<script>" {
		t.Errorf("not a picture: %s", got)
	}
	if got := wiretest.Body(w.Send(wiretest.Get("/media/thumbnails/large.jpg")).Answer()); got != strings.Repeat("0123456789", 300_000) {
		t.Errorf("a large file came as %d bytes", len(got))
	}
	if n := len(a.Seen()); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
}

// What is not a stored file of ours is the app's, sent on as it came.
func TestOtherPathsAreTheApps(t *testing.T) {
	t.Parallel()
	p, a, _ := startFiles(t)
	targets := []string{
		"/media/secret.jpg", "/media/thumbnails", "/media/thumbnails/", "/media/thumbnails/capture_1", "/media/thumbnails/gone.jpg",
		"/media/thumbnails/../secret.jpg", "/media/thumbnails/%2e%2e/secret.jpg", "/media/thumbnails/..%2fsecret.jpg",
		"/media/thumbnails/%2e%2e%2f%2e%2e%2fetc/passwd", "/media/thumbnails//etc/passwd", "/media/thumbnails/large.jpg/x",
		"/media/thumbnails/large.jpg%00", "/media/thumbnails/%252e%252e/secret.jpg", "/media/thumbnails/broken.jpg",
	}
	for _, target := range targets {
		if got := p.Exchange(wiretest.Get(target)); statusOf(got) != "400" || wiretest.Body(got) != "says app: " {
			t.Errorf("%s: %s", target, got)
		}
	}
	if got := p.Exchange("DELETE " + fileTarget + " HTTP/1.1\r\nHost: site.test\r\n\r\n"); statusOf(got) != "400" {
		t.Errorf("DELETE: %s", got)
	}
	seen := a.Seen()
	for i, target := range targets {
		if !strings.HasPrefix(seen[i], "GET "+target+" HTTP/1.1\r\n") {
			t.Errorf("the app was asked for %q, not %q", seen[i], target)
		}
	}
	if !strings.Contains(p.log.String(), "input/output error") || count(p.metrics.passed[reasonFileError]) != 1 {
		t.Error("a file that cannot be read is not told of")
	}
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	p, _, _ := startFiles(t)
	tag := joinedField(p.Exchange(wiretest.Get(fileTarget)), "ETag")
	const then, before, after = "Mon, 01 Jun 2026 12:00:00 GMT", "Mon, 01 Jun 2026 11:59:59 GMT", "Mon, 01 Jun 2026 12:00:01 GMT"
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"the same tag":                     {[]string{"If-None-Match: " + tag}, "304"},
		"the same tag, weak":               {[]string{"If-None-Match: W/" + tag}, "304"},
		"the same tag in a list":           {[]string{`If-None-Match: "a", ` + tag}, "304"},
		"the same tag on the second line":  {[]string{`If-None-Match: "a"`, "If-None-Match: " + tag}, "304"},
		"any tag":                          {[]string{"If-None-Match: *"}, "304"},
		"another tag":                      {[]string{`If-None-Match: "a"`}, "200"},
		"another tag outweighs the date":   {[]string{`If-None-Match: "a"`, "If-Modified-Since: " + after}, "200"},
		"not modified since":               {[]string{"If-Modified-Since: " + then}, "304"},
		"not modified since later":         {[]string{"If-Modified-Since: " + after}, "304"},
		"modified since":                   {[]string{"If-Modified-Since: " + before}, "200"},
		"no date":                          {[]string{"If-Modified-Since: yesterday"}, "200"},
		"must match, and does":             {[]string{"If-Match: " + tag}, "200"},
		"must match, and does not":         {[]string{`If-Match: "a"`}, "412"},
		"must match, a weak tag never":     {[]string{"If-Match: W/" + tag}, "412"},
		"must match anything":              {[]string{"If-Match: *"}, "200"},
		"unmodified since":                 {[]string{"If-Unmodified-Since: " + then}, "200"},
		"unmodified since, and was":        {[]string{"If-Unmodified-Since: " + before}, "412"},
		"range if the same":                {[]string{"Range: bytes=0-1", "If-Range: " + tag}, "206"},
		"range if another":                 {[]string{"Range: bytes=0-1", `If-Range: "a"`}, "200"},
		"range if the same, weak: never":   {[]string{"Range: bytes=0-1", "If-Range: W/" + tag}, "200"},
		"range if of then":                 {[]string{"Range: bytes=0-1", "If-Range: " + then}, "206"},
		"range if of later":                {[]string{"Range: bytes=0-1", "If-Range: " + after}, "200"},
		"a condition comes before a range": {[]string{"Range: bytes=0-1", "If-None-Match: " + tag}, "304"},
	} {
		got := p.Exchange(getWith(fileTarget, c.headers...))
		if statusOf(got) != c.want {
			t.Errorf("%s: %s, want %s", name, statusOf(got), c.want)
		}
		if c.want == "304" && (joinedField(got, "ETag") != tag || wiretest.Body(got) != "" || joinedField(got, "Cache-Control") != ownFileCacheControl) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
