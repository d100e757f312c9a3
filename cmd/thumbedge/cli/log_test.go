package cli

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// The JSON log has OpenTelemetry's names, so that collectors need no rules for it.
func TestJSONLogHasOpenTelemetrysNames(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, _, stop := newLog(&out, config.Log{Level: "info", Format: "json"})
	log.Info("request", "method", "GET", "uri", "/a/?b=1&c", "status", 200, "bytes", int64(7), "took", 1500*time.Millisecond,
		"remote", "127.0.0.1", "client", "203.0.113.7", "request_id", "mine", "route", "page", "trace_id", "4bf9",
		slog.Group("kept", "status", "x"))
	stop()
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	if _, err := time.Parse(time.RFC3339Nano, got["timestamp"].(string)); err != nil {
		t.Error(err)
	}
	delete(got, "timestamp")
	want := map[string]any{
		"severity_text": "INFO", "body": "request", "http.request.method": "GET", "url.path": "/a/", "url.query": "b=1&c",
		"http.response.status_code": 200.0, "http.response.body.size": 7.0, "http.server.request.duration": 1.5,
		"network.peer.address": "127.0.0.1", "client.address": "203.0.113.7", "http.request.header.x-request-id": []any{"mine"},
		"route": "page", "trace_id": "4bf9", "kept": map[string]any{"status": "x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
