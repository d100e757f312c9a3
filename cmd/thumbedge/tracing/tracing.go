// Package tracing shows where the time of a request goes, by spans of OpenTelemetry that
// are sent to a collector (OTLP over HTTP). It is the only package that knows
// OpenTelemetry. The others declare what they need of it by interfaces of the standard
// library's types, and are given nothing where nothing is traced.
//
// A trace begins with a client's request (Tracing.Request): below the span that the
// request's traceparent names where a trusted peer says so, else as a trace of its own.
// There whether it is recorded is decided, too. What is done for the request has spans
// below that one, on whichever goroutine it is done; work that no recorded request waits
// for has none.
//
// Invariants:
//   - Nothing waits for the collector. A span that has ended is put into a bounded queue,
//     or dropped and counted (queue).
//   - No span holds a text that somebody else made up, but for the path of a request, its
//     client's address and its ids: no query, no header, no message of an error. So no
//     signature, cookie or password is ever in one.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing makes spans and sends them. Its methods may be called from any goroutine. A
// context that it returns holds a span, and hands on what else the one had that it was
// given.
type Tracing struct {
	tracer trace.Tracer
	queue  *queue
}

// New makes what sends spans to the collector of a configuration that is enabled. It
// connects to nothing.
func New(cfg Config, version string, log *slog.Logger, reg prometheus.Registerer) (*Tracing, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	about, err := aboutUs(cfg, version)
	if err != nil {
		return nil, err
	}
	q := newQueue(newCollector(cfg), log, newMetrics(reg))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.SampleRatio))),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSpanProcessor(q),
	)
	return &Tracing{tracer: provider.Tracer("github.com/thumbedge/thumbedge", trace.WithInstrumentationVersion(version)), queue: q}, nil
}

// limits bound what one span takes.
var limits = sdktrace.SpanLimits{
	AttributeValueLengthLimit: longestText, AttributeCountLimit: 32,
	LinkCountLimit: 8, AttributePerLinkCountLimit: 1, EventCountLimit: 1, AttributePerEventCountLimit: 1,
}

// aboutUs is what the collector is told of this process. The environment's
// OTEL_RESOURCE_ATTRIBUTES, which Kubernetes' operator sets, adds to it.
func aboutUs(cfg Config, version string) (*resource.Resource, error) {
	about, err := resource.New(context.Background(), resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", cfg.ServiceName), attribute.String("service.version", version)))
	if err != nil {
		return nil, fmt.Errorf("reading OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return about, nil
}

// Close sends what is left, for a moment at most, and ends.
func (t *Tracing) Close(ctx context.Context) error { return t.queue.Shutdown(ctx) }

// Request begins the span of a client's request. Parent and state are its traceparent
// and tracestate. Those of a peer that is not trusted are linked to, and decide nothing:
// else anybody could have every request recorded, or file theirs under others' traces. End
// is nil where the request is not recorded.
func (t *Tracing) Request(ctx context.Context, parent, state []byte, trusted bool, began time.Time) (within context.Context, end func(name, failure string, attributes ...slog.Attr)) {
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began)}
	if len(parent) > 0 {
		from := propagation.TraceContext{}.Extract(context.Background(), received{string(parent), string(state)})
		switch remote := trace.SpanContextFromContext(from); {
		case !remote.IsValid():
		case trusted:
			ctx = trace.ContextWithRemoteSpanContext(ctx, remote)
		default:
			options = append(options, trace.WithLinks(trace.Link{SpanContext: remote}))
		}
	}
	within, span := t.tracer.Start(ctx, "request", options...)
	if !span.IsRecording() {
		return within, nil
	}
	return within, func(name, failure string, attributes ...slog.Attr) {
		span.SetName(name)
		finish(span, failure, attributes)
	}
}

// Span begins a span below the one that ctx holds. End is nil where none is recorded.
func (t *Tracing) Span(ctx context.Context, name string) (within context.Context, end func(failure string, attributes ...slog.Attr)) {
	return t.below(ctx, name, trace.SpanKindInternal)
}

// Call is Span for what another process does for this one.
func (t *Tracing) Call(ctx context.Context, name string) (within context.Context, end func(failure string, attributes ...slog.Attr)) {
	return t.below(ctx, name, trace.SpanKindClient)
}

func (t *Tracing) below(ctx context.Context, name string, kind trace.SpanKind) (context.Context, func(failure string, attributes ...slog.Attr)) {
	if !t.Recording(ctx) {
		return ctx, nil
	}
	within, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	return within, func(failure string, attributes ...slog.Attr) { finish(span, failure, attributes) }
}

// Recording says whether ctx holds a span that is recorded, ended or not.
func (t *Tracing) Recording(ctx context.Context) bool {
	return trace.SpanContextFromContext(ctx).IsSampled()
}

// Adopt returns ctx with the span that another context holds.
func (t *Tracing) Adopt(ctx, from context.Context) context.Context {
	return trace.ContextWithSpan(ctx, trace.SpanFromContext(from))
}

// Link says on the span that ctx holds that the one which other holds has to do with it.
func (t *Tracing) Link(ctx, other context.Context) {
	trace.SpanFromContext(ctx).AddLink(trace.LinkFromContext(other))
}

// AppendHeaders appends the header lines that name the span which ctx holds as the parent
// of what the receiver does.
func (t *Tracing) AppendHeaders(ctx context.Context, dst []byte) []byte {
	lines := lines{dst}
	propagation.TraceContext{}.Inject(ctx, &lines)
	return lines.text
}

// finish ends a span. Failure is the kind of error, in a word; "": it went well.
func finish(span trace.Span, failure string, attributes []slog.Attr) {
	if failure != "" {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", failure))
	}
	for _, a := range attributes {
		span.SetAttributes(attributeOf(a))
	}
	span.End()
}
