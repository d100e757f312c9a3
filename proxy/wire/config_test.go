package wire

import (
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	cfg.Upstream.URL = "http://127.0.0.1:8000"
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

// Every problem is reported at once, each under its key.
func TestValidateNamesEveryProblem(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Server:   ServerConfig{PublicURL: "site", TrustedProxies: []string{"10.0.0.1"}, CORSOrigins: []string{"site"}, HeaderTimeout: -time.Second, MaxRequestBody: -1},
		Upstream: UpstreamConfig{URL: "https://user@app", MaxUpgrades: -1},
	}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, key := range []string{
		"server.public_url", "server.trusted_proxies", "server.cors_origins", "server.header_timeout", "server.idle_timeout",
		"server.shutdown_grace", "server.max_conns", "server.max_header", "server.max_request_body",
		"upstream.url", "upstream.connect_timeout", "upstream.response_timeout", "upstream.idle_timeout", "upstream.max_conns", "upstream.max_fallbacks", "upstream.max_upgrades",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+key+": ") {
			t.Errorf("%s is not reported in:\n%v", key, err)
		}
	}
	if _, err := New(cfg, through{}, nil, nil, nil); err == nil {
		t.Error("New took it")
	}
}
