package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	cfg.Upstream.URL = "http://127.0.0.1:8000"
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

// Every problem is reported at once, each under its key.
func TestValidateNamesEveryProblem(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Server:   wire.ServerConfig{PublicURL: "site", TrustedProxies: []string{"10.0.0.1"}, CORSOrigins: []string{"site"}, HeaderTimeout: -time.Second, MaxRequestBody: -1},
		Upstream: wire.UpstreamConfig{URL: "ftp://app"},
		Rewrite:  RewriteConfig{Paths: []string{"api/"}, Route: "/api", Field: "a\"b", Hosts: []string{"a/b"}, Prefetch: PrefetchRules{{Labels: []string{"huge"}}}, Memory: -1},
	}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, key := range []string{
		"server.public_url", "server.trusted_proxies", "server.cors_origins", "server.header_timeout", "server.idle_timeout",
		"server.shutdown_grace", "server.max_conns", "server.max_header", "server.max_request_body",
		"upstream.url", "upstream.connect_timeout", "upstream.response_timeout", "upstream.idle_timeout", "upstream.max_conns", "upstream.max_fallbacks",
		"rewrite.paths", "rewrite.route", "rewrite.field", "rewrite.hosts", "rewrite.prefetch", "rewrite.max_body", "rewrite.memory", "thumbnails",
	} {
		found := false
		for line := range strings.SplitSeq(err.Error(), "\n") {
			found = found || strings.HasPrefix(line, key+": ") || strings.HasPrefix(line, key+" ")
		}
		if !found {
			t.Errorf("%s is not reported in:\n%v", key, err)
		}
	}
	if _, err := New(cfg, Deps{}); err == nil {
		t.Error("New took it")
	}
}
