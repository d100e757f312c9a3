package imaging

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if err := new(Config).Validate(); err == nil {
		t.Error("nothing at all is valid")
	}
}

func TestValidateReportsEverything(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Render:      RenderConfig{Workers: -1, Queue: 0, MaxWait: 0, Quality: 101},
		Source:      SourceConfig{MaxRedirects: -1, RetryAfter: -1, AllowHosts: []string{"ok.example", ".ok.example", "::1", "http://no", "*.no", "no:80", "", "."}},
		DeleteAfter: -time.Second, UpstreamURL: "ftp://x", PublicURL: "site.example",
	}
	err := cfg.Validate()
	lines := strings.Split(err.Error(), "\n")
	for _, key := range []string{"thumbnails: ", "render.workers: ", "render.memory: ", "render.queue: ", "render.max_wait: ", "render.quality: ",
		"source.connect_timeout: ", "source.read_timeout: ", "source.max_bytes: ", "source.max_pixels: ", "source.max_redirects: ",
		"source.retry_after: ", "storage.delete_after: ", "upstream.url: ", "server.public_url: "} {
		found := 0
		for _, line := range lines {
			if strings.HasPrefix(line, key) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d lines begin with %q in\n%v", found, key, err)
		}
	}
	if n := strings.Count(err.Error(), "source.allow_hosts: "); n != 5 {
		t.Errorf("%d of 5 wrong hosts are reported in\n%v", n, err)
	}
	if _, err := New(cfg, Deps{}); err == nil {
		t.Error("New accepts it")
	}
}
