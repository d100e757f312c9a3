package source

import (
	"strings"
	"testing"
)

func TestValidateReportsEverything(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	if err := cfg.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	cfg = Config{MaxRedirects: -1, RetryAfter: -1,
		AllowHosts: []string{"ok.example", ".ok.example", "::1", "http://no", "*.no", "no:80", "", "."}}
	err := cfg.Validate()
	lines := strings.Split(err.Error(), "\n")
	for key, want := range map[string]int{"connect_timeout": 1, "read_timeout": 1, "max_bytes": 1, "max_pixels": 1,
		"max_redirects": 1, "retry_after": 1, "allow_hosts": 5} {
		found := 0
		for _, line := range lines {
			if strings.HasPrefix(line, "source."+key+": ") {
				found++
			}
		}
		if found != want {
			t.Errorf("%d lines begin with source.%s, want %d, in\n%v", found, key, want, err)
		}
	}
	if _, err := New(cfg, Deps{Storage: emptyStorage{}}); err == nil {
		t.Error("New accepts it")
	}
	for _, site := range [][2]string{{"ftp://x", ""}, {"", ""}, {"http://127.0.0.1:8000", "site.example"}} {
		cfg := Defaults()
		cfg.UpstreamURL, cfg.PublicURL = site[0], site[1]
		if _, err := New(cfg, Deps{Storage: emptyStorage{}}); err == nil {
			t.Errorf("New accepts the upstream %q and the public URL %q", site[0], site[1])
		}
	}
}
