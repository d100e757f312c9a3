package cli

import (
	"log/slog"
	"strings"
)

// fieldNames are OpenTelemetry's names (log data model, semantic conventions of HTTP), by
// which collectors know what a line of the JSON log says. What they have no name for keeps
// its own.
var fieldNames = map[string]string{
	slog.TimeKey: "timestamp", slog.LevelKey: "severity_text", slog.MessageKey: "body",
	"method": "http.request.method", "status": "http.response.status_code", "bytes": "http.response.body.size",
	"remote": "network.peer.address", "client": "client.address", "error": "exception.message", "stack": "exception.stacktrace",
	"version": "service.version",
}

// nameField gives a field of the JSON log its name. slog calls it again for the members of
// a group, whose names it leaves alone.
func nameField(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case "uri": // the access log's: one field becomes two
		path, query, asked := strings.Cut(a.Value.String(), "?")
		parts := []slog.Attr{slog.String("url.path", path)}
		if asked {
			parts = append(parts, slog.String("url.query", query))
		}
		return slog.Attr{Value: slog.GroupValue(parts...)}
	case "took":
		if a.Value.Kind() == slog.KindDuration {
			return slog.Float64("http.server.request.duration", a.Value.Duration().Seconds())
		}
	case "request_id": // a header's values are a list there
		return slog.Any("http.request.header.x-request-id", []string{a.Value.String()})
	}
	if name, ok := fieldNames[a.Key]; ok {
		a.Key = name
	}
	return a
}
