package tracing

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestTry: the collector is tried with the headers that spans are sent with, and no span is
// left there.
func TestTry(t *testing.T) {
	t.Parallel()
	collector := testenv.StartCollector(t)
	fact, err := Try(t.Context(), Config{Endpoint: collector.URL, Headers: map[string]string{"Authorization": "Bearer geheim"}})
	if err != nil || !strings.Contains(fact, "answers 200") {
		t.Errorf("%q, %v", fact, err)
	}
	if len(collector.Spans("")) > 0 || !collector.Holds("Authorization:[Bearer geheim]") {
		t.Error("the collector holds spans, or was not sent tracing.headers")
	}
}

// TestTryTells: what is wrong is told in a line with the way out, and no secret.
func TestTryTells(t *testing.T) {
	t.Parallel()
	answers := func(status int, header, text string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, text)
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	plain := answers(200, "X", "")
	withTLS := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(withTLS.Close)
	for name, c := range map[string]struct{ endpoint, want string }{
		"nothing there":              {"http://127.0.0.1:1", "connection refused. The way out: tracing.endpoint is where the collector listens, or nothing runs there"},
		"no such host":               {"http://collector.invalid:4318", "there is no host collector.invalid"},
		"a certificate of nobody's":  {withTLS.URL, "certificate signed by unknown authority. The way out"},
		"TLS, asked without":         {strings.Replace(withTLS.URL, "https:", "http:", 1), "it wants TLS"},
		"no TLS, asked with it":      {strings.Replace(plain, "http:", "https:", 1), "is not TLS"},
		"gRPC":                       {"http://" + speaksHTTP2(t), "not gRPC (4317)"},
		"it does not know us":        {answers(401, "X", ""), "answers 401 Unauthorized. The way out: tracing.headers"},
		"it does not let us":         {answers(403, "X", ""), "answers 403 Forbidden. The way out: tracing.headers"},
		"another path":               {answers(404, "X", ""), "answers 404 Not Found. The way out: tracing.endpoint"},
		"somewhere else":             {answers(308, "Location", "https://collector.example/"), "https://collector.example/: spans follow no redirect"},
		"JSON only":                  {answers(415, "X", ""), "protobuf"},
		"busy":                       {answers(503, "X", ""), "answers 503"},
		"something odd":              {answers(418, "X", ""), "answers 418"},
		"somebody else's start page": {answers(200, "Content-Type", "text/html; charset=utf-8"), "a web page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Try(t.Context(), Config{Endpoint: c.endpoint, Headers: map[string]string{"Authorization": "Bearer geheim"}})
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v does not say %q", err, c.want)
			}
			if text := err.Error(); strings.Contains(text, "geheim") || strings.Contains(text, "\n") || len(text) > 300 {
				t.Errorf("that is no line fit to be shown: %q", text)
			}
		})
	}
}

// A collector that says nothing is given up with the context.
func TestTrySilence(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel(nil)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	if _, err := Try(ctx, Config{Endpoint: silent.URL}); err == nil {
		t.Error("silence is taken for an answer")
	}
	late, cancelLate := context.WithTimeout(t.Context(), 0)
	defer cancelLate()
	if _, err := Try(late, Config{Endpoint: silent.URL}); err == nil || !strings.Contains(err.Error(), "does not answer in time") {
		t.Error(err)
	}
}

// speaksHTTP2 is a server of nothing else, as a gRPC one is: it greets with its settings.
func speaksHTTP2(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00"))
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}
