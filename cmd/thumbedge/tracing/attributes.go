package tracing

import (
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// longestText is how long a text in a span may be, in bytes.
const longestText = 1 << 10

// attributeOf turns an attribute of the standard library's log into one of a span. A
// text that is too long is cut here, so that the span does not hold on to all of it.
func attributeOf(a slog.Attr) attribute.KeyValue {
	switch a.Value.Kind() {
	case slog.KindInt64:
		return attribute.Int64(a.Key, a.Value.Int64())
	case slog.KindBool:
		return attribute.Bool(a.Key, a.Value.Bool())
	case slog.KindFloat64:
		return attribute.Float64(a.Key, a.Value.Float64())
	}
	text := a.Value.String()
	if len(text) > longestText {
		text = text[:longestText]
	}
	text = strings.ToValidUTF8(strings.Clone(text), "\uFFFD") // OTLP refuses anything else
	if strings.HasPrefix(a.Key, "http.request.header.") {     // a header's values are a list
		return attribute.StringSlice(a.Key, []string{text})
	}
	return attribute.String(a.Key, text)
}
