package deploy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// cdnBlocks returns the blocks of a language that stand under a heading of CDN.md.
func cdnBlocks(t *testing.T, heading, language string) (blocks []string) {
	t.Helper()
	_, text, found := strings.Cut(read(t, "CDN.md"), "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	for _, block := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, block[1])
	}
	if !found || len(blocks) == 0 {
		t.Fatalf("CDN.md has no %s under %q", language, heading)
	}
	return blocks
}

// cdnCommand returns the command by which CDN.md takes a capture back out of a cache.
func cdnCommand(t *testing.T, of string) string {
	t.Helper()
	row := regexp.MustCompile(`(?m)^\| ` + of + " \\| `(.*capture_17.*)` \\|$").FindStringSubmatch(read(t, "CDN.md"))
	if row == nil {
		t.Fatalf("CDN.md does not say how to purge %s", of)
	}
	return strings.ReplaceAll(row[1], `\|`, "|")
}

// origin is thumbedge before the sample app, and counts what it is asked for.
type origin struct {
	*testing.T
	address, media string
	mu             sync.Mutex
	asked          map[string]int // by path
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{T: t, media: filepath.Join(t.TempDir(), "media"), asked: map[string]int{}}
	database := testenv.Database(t)
	photos, err := sampleapp.Album{Dir: t.TempDir(), Scenes: 4, Width: 320}.Draw(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	app, err := sampleapp.New(t.Context(), sampleapp.Config{DatabaseURL: database, MediaDir: o.media}, slog.New(slog.DiscardHandler))
	if err == nil {
		err = app.Seed(t.Context(), photos, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Close() })
	server := startApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=600") // the worst that an app can say of its pages
		app.Handler().ServeHTTP(w, r)
	})
	inside, err := url.Parse("http://" + run(t, demo.Config(database, server.URL, o.media)).Addr())
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(inside)
	counted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked[r.URL.Path]++
		o.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { counted.CloseClientConnections(); counted.Close() })
	o.address = counted.Listener.Addr().String()
	return o
}

// get asks a cache, and says how often that made it ask the origin for the path.
func (o *origin) get(front, target string, header ...string) (*http.Response, int) {
	o.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+front+target, nil)
	if err != nil {
		o.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	count := func() int {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.asked[request.URL.Path]
	}
	before := count()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		o.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response, count() - before
}

// TestCachesInFront puts nginx and Varnish before thumbedge, configured by CDN.md's own
// words, before an app that calls all of its pages public: they keep finished thumbnails,
// whatever else a request has with it, and nothing else; a capture can be taken back.
func TestCachesInFront(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	host, port, _ := net.SplitHostPort(o.address)
	cache := filepath.Join(t.TempDir(), "cache")
	blocks := cdnBlocks(t, "nginx", "nginx")
	nginx := startNginx(t, o.address,
		"upstream thumbedge {", strings.Replace(blocks[0], "/var/cache/nginx/thumbnails", cache, 1)+"upstream thumbedge {",
		"    location / {", blocks[1]+"    location / {")
	varnish, workdir := testenv.StartVarnish(t, strings.NewReplacer(`"127.0.0.1"`, fmt.Sprintf("%q", host), `"8080"`, fmt.Sprintf("%q", port)).
		Replace(cdnBlocks(t, "Varnish", "vcl")[0]))
	for _, front := range []struct{ name, address, purge string }{
		{"nginx", nginx.Address, strings.ReplaceAll(cdnCommand(t, "nginx"), "/var/cache/nginx/thumbnails", cache)},
		{"Varnish", varnish, strings.ReplaceAll(cdnCommand(t, "Varnish"), "varnishadm", "varnishadm -n "+workdir)},
	} {
		t.Run(front.name, func(t *testing.T) { o.judge(t, front.address, front.purge) })
	}
}

// judge looks at one cache.
func (o *origin) judge(t *testing.T, front, purge string) {
	file := func(capture int) string { // the storage URL's path
		response, _ := o.get(front, fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=small", capture))
		location, err := response.Location()
		if err != nil {
			t.Fatalf("capture %d: %s, %v", capture, response.Status, err)
		}
		return location.Path
	}
	first, second := file(1), file(2)
	for _, target := range []string{first, second} {
		if response, asked := o.get(front, target); response.StatusCode != http.StatusOK || asked != 1 {
			t.Fatalf("%s: %s, the origin was asked %d times", target, response.Status, asked)
		}
		for _, again := range [][]string{{target}, {target + "?v=2"}, {target, "Cookie", "sessionid=a"}, {target, "Authorization", "Token " + sampleapp.OwnerToken}} {
			if _, asked := o.get(front, again[0], again[1:]...); asked != 0 {
				t.Errorf("%q is not answered from the cache", again)
			}
		}
	}
	other := "/media/thumbnails/capture_1/small.jpg" // the app's own name for one, which comes back with other bytes
	if err := os.WriteFile(filepath.Join(o.media, strings.TrimPrefix(other, "/media/")), []byte("jpeg"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/", "/api/v2/captures/?limit=2", "/api/v2/captures/1/", "/api/v2/captures/thumbnails/1/?label=small",
		"/api/v2/captures/thumbnails/1/?label=small&expires=1&key=a&signature=b", other} {
		for range 2 {
			if response, asked := o.get(front, target); asked != 1 || response.StatusCode >= 400 {
				t.Errorf("%s: %s, the origin was asked %d times", target, response.Status, asked)
			}
		}
	}
	conn, err := net.Dial("tcp", front)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /ws/ HTTP/1.1\r\nHost: site.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("a web socket: %v, %v", response, err)
	}
	output, err := exec.Command("bash", "-c", strings.ReplaceAll(purge, "capture_17", "capture_1")).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", purge, err, output)
	}
	if _, asked := o.get(front, first); asked != 1 {
		t.Errorf("what was taken back is still there")
	}
	if _, asked := o.get(front, second); asked != 0 {
		t.Errorf("another capture went with it")
	}
}

// TestCDNBlocks: what CDN.md has for others is JSON, and keys that the configuration takes.
func TestCDNBlocks(t *testing.T) {
	t.Parallel()
	for _, heading := range []string{"CloudFront", "Cloudflare"} {
		for _, block := range cdnBlocks(t, heading, "json") {
			var policy map[string]any
			if err := json.Unmarshal([]byte(block), &policy); err != nil {
				t.Errorf("%s: %v", heading, err)
			}
		}
	}
	example := read(t, "../config.example.toml")
	for _, block := range cdnBlocks(t, "What may be kept", "toml") {
		line := strings.Split(block, "\n")[1]
		text := strings.Replace(example, "anonymous_headers = []", line+" #", 1)
		if text == example {
			t.Fatal("config.example.toml has no anonymous_headers")
		}
		if _, err := config.Parse("cdn.toml", []byte(text), func(string) (string, bool) { return "x", true }); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
