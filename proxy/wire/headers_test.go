package wire

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// Every answer carries what the configuration adds, once, whoever it is from, and none of
// the app's what it removes.
func TestHeadersAreAddedAndRemoved(t *testing.T) {
	t.Parallel()
	a := wiretest.StartApp(t, wiretest.Answering("HTTP/1.1 200 OK\r\nServer: gunicorn\r\nx-powered-by: x\r\nX-Powered-By: y\r\n"+
		"strict-transport-security: max-age=1\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\nok"))
	p := startServer(t, a.Addr, func(cfg *Config) {
		cfg.Headers = HeadersConfig{
			Add:    map[string]string{"Strict-Transport-Security": "max-age=31536000", "x-OWN": "ours", "X-Frame-Options": "DENY"},
			Remove: []string{"server", "X-Powered-By"},
		}
	})
	for target, status := range map[string]string{"/x": "200", "/panic": "500"} {
		raw := p.Exchange(wiretest.Get(target))
		if !strings.HasPrefix(raw, "HTTP/1.1 "+status) {
			t.Fatalf("answer %q", raw)
		}
		head, _, _ := strings.Cut(strings.ToLower(raw), "\r\n\r\n")
		for _, line := range []string{"strict-transport-security: max-age=31536000", "x-own: ours", "x-frame-options: deny"} {
			if strings.Count(head, "\r\n"+line) != 1 || strings.Count(head, line[:strings.IndexByte(line, ' ')]) != 1 {
				t.Errorf("%s: %q, want one %q", target, head, line)
			}
		}
		if strings.Contains(head, "server:") || strings.Contains(head, "x-powered-by") {
			t.Errorf("%s: %q", target, head)
		}
		if status == "200" && wiretest.Fields(raw, "ETag")[0] != `"1"` {
			t.Errorf("%q", head)
		}
	}
}

// What decides how an answer is read, kept or shared is not the configuration's to change.
func TestHeadersThatAreNotToBeChanged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Content-Length", "transfer-encoding", "Connection", "Trailer", "ETag", "Last-Modified", "Cache-Control", "CDN-Cache-Control",
		"Surrogate-Control", "Vary", "Set-Cookie", "Location", "Access-Control-Allow-Origin", "access-control-max-age", "Content-Type", "Content-Encoding",
		"X-Content-Type-Options", "Upgrade", "Date", "Age", "", "a b", "X:", "X\r\nY"} {
		if err := (HeadersConfig{Add: map[string]string{name: "x"}}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "headers.add: ") {
			t.Errorf("add %q: %v", name, err)
		}
		if err := (HeadersConfig{Remove: []string{name}}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "headers.remove: ") {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	for _, value := range []string{"", "a\r\nb: c", " a", "a\x00"} {
		if (HeadersConfig{Add: map[string]string{"X-A": value}}).Validate() == nil {
			t.Errorf("the value %q is taken", value)
		}
	}
	if err := (HeadersConfig{Add: map[string]string{"Content-Security-Policy": "default-src 'self'"}, Remove: []string{"Server"}}).Validate(); err != nil {
		t.Error(err)
	}
}
